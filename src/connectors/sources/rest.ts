import type { Extract, RestExtract } from '../../api/index.ts';
import { parseDuration } from '../../api/parseUnits.ts';
import { layout } from '../../lake/layout.ts';
import { TerminalError } from '../../run/errors.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import { sliceValues } from '../../run/template.ts';
import type { ExtractLedger, Manifest, StepResult } from '../../run/types.ts';
import type { StageContext } from '../../workers/stage.ts';
import { type HttpClient, type HttpRequest, openHttpClient, type TokenSource } from '../http/client.ts';
import { type Limiter, type Limits, unlimited } from '../http/limiter.ts';
import { type GrowingMask, growingMask } from '../http/mask.ts';
import { type Grant, tokensOf } from '../http/tokens.ts';
import { type Access, readAuth } from './auth.ts';
import { walkPages } from './pages.ts';
import { type Paging, pagingOf } from './paging/paging.ts';
import { buildRequest, secretsOf } from './request.ts';
import type { WalkRules } from './walk.ts';

/** Fetches the pages of one part from an HTTP API; goes on where an earlier attempt stopped. */
export async function rest(context: StageContext<ExtractSpec>, source: RestExtract): Promise<StepResult> {
  const { spec, step } = context;
  const values = { params: spec.params, slice: sliceValues(step.slice) };
  const access = readAuth(source.auth, context.secret);
  const request = buildRequest(source, values, context.secret, access);
  const rules = rulesOf(context, source, request.url);
  const masking = growingMask([...secretsOf(request), ...access.secrets]);
  const { mask } = masking;
  const total = source.paging?.total;
  const stop = new AbortController();
  const client = openClient(context, source, request, masking, access);
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

function rulesOf({ step, spec, inputs }: StageContext<ExtractSpec>, source: RestExtract, first: URL): WalkRules {
  const { paging, resultCap } = source;
  if (paging && !spec.format.json && !spec.format.jsonl) {
    throw new TerminalError(
      'PagingNeedsRecords',
      `${step.dataset}: rest.paging needs a format whose records can be counted (json or jsonl), or the last page cannot be told`,
    );
  }
  const strategy = pagingOf(source, first);
  const part = Number(step.part);
  return {
    paging: strategy,
    part,
    pagesPerPart: spec.part.pages,
    start: startOfPart(strategy, part, spec.part.pages, inputs[0]),
    maxPages: paging?.maxPages ?? 1,
    ...(resultCap ? { resultCap } : {}),
  };
}

/**
 * Where a part begins. What it has read is the part before it, where only that one could tell; otherwise the first
 * part, which shows how many records one part brings.
 */
function startOfPart(paging: Paging, part: number, pages: number, input: Manifest | undefined): WalkRules['start'] {
  if (part === 0) return { next: paging.start, tally: { seen: 0, ofQuery: 0 } };
  const { next, tally } = input?.source ?? {};
  if (tally && next !== undefined) return { next, tally };
  if (!input || !paging.jump) {
    throw new TerminalError(
      'InputMissing',
      `part ${part} has no part before it that says where it begins, perhaps because rest.paging was changed while the run was under way; start another run`,
    );
  }
  const seen = part * (input.ledger as ExtractLedger).fetched;
  return { next: paging.jump(part, pages), tally: { seen, ofQuery: seen } };
}

function openClient(
  { spec, allowPrivateNetworks, limits: shared }: StageContext<ExtractSpec>,
  { responses }: RestExtract,
  { url }: HttpRequest,
  { mask, hide }: GrowingMask,
  { grant }: Access,
): HttpClient {
  const { limits, retry } = spec.extract;
  return openHttpClient({
    allowPrivateNetworks,
    limiter: limiterOf(shared, limits, url.host),
    mask,
    attempts: retry.attempts,
    delayMs: parseDuration(retry.delay),
    responses,
    ...(grant ? { tokens: tokenSource(grant, allowPrivateNetworks, hide) } : {}),
  });
}

/** Tokens as the header that requests carry; each is hidden before it is used. */
function tokenSource(grant: Grant, allowPrivateNetworks: boolean, hide: (secret: string) => void): TokenSource {
  const tokens = tokensOf(grant, allowPrivateNetworks);
  const scheme = 'Bearer ';
  return {
    async get(signal) {
      const token = await tokens.get(signal);
      hide(token);
      return { name: 'Authorization', value: scheme + token, secret: grant.secretOrigin };
    },
    drop: ({ value }) => tokens.drop(value.slice(scheme.length)),
  };
}

function limiterOf(shared: Limits, limits: Extract['limits'], host: string): Limiter {
  if (!limits) return unlimited;
  const { key = host, concurrency, rate } = limits;
  return shared.limiter(key, {
    concurrency,
    ...(rate && { rate: { requests: rate.requests, perMs: parseDuration(rate.per) } }),
  });
}
