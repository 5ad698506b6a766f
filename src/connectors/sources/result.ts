import type { RawObject } from '../../lake/raw.ts';
import { sha256 } from '../../run/key.ts';
import type { Notice, Partition, SourceState, StepResult } from '../../run/types.ts';

/** What a source brings back, before it is a step's result. */
export interface Brought {
  readonly raws: readonly RawObject[];
  readonly fetched: number;
  readonly gone: number;
  readonly source: SourceState;
  readonly notices: readonly Notice[];
  readonly requests: number;
}

/** The result of an extract step: a function of the raw objects, so that attempts which adopted each other's objects agree on it. */
export function extractResult({ raws, fetched, gone, source, notices, requests }: Brought): StepResult {
  return {
    ledger: { listed: fetched + gone, fetched, skippedKnown: 0, gone, failed: 0, deferred: 0 },
    partitions: [filesOf(raws, fetched)],
    source,
    complete: source.next === undefined,
    cost: { requests, bytes: raws.reduce((sum, { meta }) => sum + meta.bytes, 0), credits: 0 },
    ...(notices.length === 0 ? {} : { notices }),
  };
}

/**
 * The bodies that hold records, as a manifest names them. What a skipped status left behind has none and is not handed
 * on, nor is the page that led to a split.
 */
export function filesOf(raws: readonly RawObject[], rows = recordsIn(raws)): Partition {
  const files = raws
    .filter(({ meta }) => meta.status < 300 && meta.bytes > 0 && !meta.probe)
    .map(({ path, storedBytes, meta }) => ({ path, bytes: storedBytes, sha256: meta.sha256 }));
  return { values: {}, rows, rowsHash: sha256(files.map(({ sha256 }) => sha256).join('')), files };
}

const recordsIn = (raws: readonly RawObject[]): number => raws.reduce((sum, { meta }) => sum + (meta.records ?? 0), 0);
