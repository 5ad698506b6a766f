import type { Extract, RestExtract } from '../../api/index.ts';
import { parseDuration } from '../../api/parseUnits.ts';
import { layout } from '../../lake/layout.ts';
import { TerminalError } from '../../run/errors.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import type { ExtractLedger, StepResult } from '../../run/types.ts';
import type { StageContext } from '../../workers/stage.ts';
import { type HttpClient, type HttpRequest, openHttpClient } from '../http/client.ts';
import { type Limiter, localLimiter, sharedLimiter } from '../http/limiter.ts';
import { type Mask, maskOf } from '../http/mask.ts';
import { walkPages } from './pages.ts';
import { pagingOf } from './paging/paging.ts';
import { buildRequest, secretsOf } from './request.ts';
import type { WalkRules } from './walk.ts';

/** Fetches the pages of one part from an HTTP API; goes on where an earlier attempt stopped. */
export async function rest(context: StageContext<ExtractSpec>, source: RestExtract): Promise<StepResult> {
  const { spec, step } = context;
  const rules = rulesOf(context, source);
  const values = { params: spec.params, slice: { asOf: step.slice.asOf } };
  const request = buildRequest(source, values, context.secret);
  const mask = maskOf(secretsOf(request));
  const total = source.paging?.total;
  const stop = new AbortController();
  const client = openClient(context, source, request, mask);
  try {
    return await walkPages({
      context,
      client,
      request,
      rules,
      reading: { format: spec.format, mask, ...(total ? { total } : {}) },
      folder: layout.rawFolder(step.dataset, step.slice, step.key),
      signal: AbortSignal.any([context.signal, stop.signal]),
    });
  } finally {
    stop.abort();
    await client.close();
  }
}

function rulesOf({ step, spec, inputs }: StageContext<ExtractSpec>, source: RestExtract): WalkRules {
  const { paging, resultCap } = source;
  const part = Number(step.part);
  const [head] = inputs;
  if (paging && !spec.format.json && !spec.format.jsonl) {
    throw new TerminalError(
      'PagingNeedsRecords',
      `${step.dataset}: rest.paging needs a format whose records can be counted (json or jsonl), or the last page cannot be told`,
    );
  }
  return {
    paging: pagingOf(source),
    part,
    pagesPerPart: spec.part.pages,
    before: part * (head ? (head.ledger as ExtractLedger).fetched : 0),
    maxPages: paging?.maxPages ?? 1,
    ...(resultCap ? { resultCap } : {}),
  };
}

function openClient(
  { spec, allowPrivateNetworks }: StageContext<ExtractSpec>,
  { responses }: RestExtract,
  { url }: HttpRequest,
  mask: Mask,
): HttpClient {
  const { limits, retry } = spec.extract;
  return openHttpClient({
    allowPrivateNetworks,
    limiter: limiterOf(limits, url.host),
    mask,
    attempts: retry.attempts,
    delayMs: parseDuration(retry.delay),
    responses,
  });
}

function limiterOf(limits: Extract['limits'], host: string): Limiter {
  if (!limits) return localLimiter({});
  const { key = host, concurrency, rate } = limits;
  return sharedLimiter(key, {
    concurrency,
    ...(rate && { rate: { requests: rate.requests, perMs: parseDuration(rate.per) } }),
  });
}
