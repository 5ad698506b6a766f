import type { RestExtract } from '../../api/index.ts';
import { layout } from '../../lake/layout.ts';
import { TerminalError } from '../../run/errors.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import type { ExtractLedger, Manifest, StepResult } from '../../run/types.ts';
import type { StageContext } from '../../workers/stage.ts';
import { openAsking } from './asking.ts';
import { collect } from './collect.ts';
import { walkPages } from './pages.ts';
import { type Paging, pagingOf } from './paging/paging.ts';
import type { WalkRules } from './walk.ts';

/** Fetches one part of an HTTP API, pages or items; goes on where an earlier attempt stopped. */
export const rest = (context: StageContext<ExtractSpec>, source: RestExtract): Promise<StepResult> =>
  source.forEach ? collect(context, source) : walk(context, source);

async function walk(context: StageContext<ExtractSpec>, source: RestExtract): Promise<StepResult> {
  const { spec, step } = context;
  const asking = openAsking(context, source);
  const total = source.paging?.total;
  try {
    const request = asking.request();
    return await walkPages({
      ...{ context, request, client: asking.client, signal: asking.signal },
      rules: rulesOf(context, source, request.url),
      reading: { format: spec.format, mask: asking.mask, ...(total ? { total } : {}) },
      folder: layout.rawFolder(step.dataset, step.slice, step.key),
    });
  } finally {
    await asking.close();
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
