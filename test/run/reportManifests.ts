import fc from 'fast-check';
import type { CleanLedger, ExtractLedger, LoadLedger, Manifest, StageName } from '../../src/run/types.ts';

/** A small published step; tests say what differs. */
export function manifest(differing: Partial<Manifest> & Pick<Manifest, 'stage' | 'ledger'>): Manifest {
  return {
    v: 1,
    key: '0'.repeat(20),
    dataset: 'postings',
    run: 'run-1',
    epoch: 1,
    slice: { asOf: '2026-11-20T12:00:00.000Z', params: '00000000' },
    part: '0',
    spec: 'sha256:00',
    inputs: [],
    complete: true,
    partitions: [],
    schema: [],
    cost: { requests: 0, bytes: 0, credits: 0 },
    versions: {},
    startedAt: '2026-11-20T12:00:00.000Z',
    finishedAt: '2026-11-20T12:00:01.000Z',
    ...differing,
  };
}

export const extracted = (ledger: Partial<ExtractLedger> = {}): ExtractLedger => {
  const all = { fetched: 0, skippedKnown: 0, gone: 0, failed: 0, deferred: 0, ...ledger };
  return { listed: all.fetched + all.skippedKnown + all.gone + all.failed + all.deferred, ...all };
};

export const cleaned = (ledger: Partial<CleanLedger> = {}): CleanLedger => {
  const all = { expanded: 0, clean: 0, rejected: {}, filtered: 0, deduplicated: 0, ...ledger };
  const rejected = Object.values(all.rejected).reduce((sum, count) => sum + count, 0);
  return { read: all.clean + rejected + all.filtered + all.deduplicated - all.expanded, ...all };
};

export const loaded = (ledger: Partial<LoadLedger> = {}): LoadLedger => {
  const all = { added: 0, modified: 0, unchanged: 0, superseded: 0, marked: 0, deleted: 0, ...ledger };
  return { clean: all.added + all.modified + all.unchanged + all.superseded, ...all };
};

const count = fc.nat({ max: 1_000 });

const extractLedger = fc
  .record({ fetched: count, skippedKnown: count, gone: count, failed: count, deferred: count })
  .map(extracted);

const cleanLedger = fc
  .record({
    clean: count,
    rejected: fc.dictionary(fc.constantFrom('required:title', 'range:min_pay', 'sql:too_late'), count),
    filtered: count,
    deduplicated: count,
  })
  .map(cleaned);

const loadLedger = fc
  .record({ added: count, modified: count, unchanged: count, superseded: count, marked: count, deleted: count })
  .map(loaded);

const ofStage = <Ledger extends Manifest['ledger']>(stage: StageName, ledgers: fc.Arbitrary<Ledger>) =>
  fc.record({ stage: fc.constant(stage), ledger: ledgers });

/** Any published step whose ledger adds up. */
export const anyManifest: fc.Arbitrary<Manifest> = fc
  .tuple(
    fc.oneof(ofStage('Extract', extractLedger), ofStage('Clean', cleanLedger), ofStage('Load', loadLedger)),
    fc.record({
      key: fc.stringMatching(/^[0-9a-f]{20}$/),
      dataset: fc.constantFrom('postings', 'agencies'),
      run: fc.constantFrom('run-1', 'run-2'),
      slice: fc.record({
        asOf: fc.constantFrom('2026-11-19T12:00:00.000Z', '2026-11-20T12:00:00.000Z'),
        params: fc.constantFrom('00000000', '11111111'),
      }),
      cost: fc.record({ requests: count, bytes: count, credits: count }),
    }),
  )
  .map(([counted, rest]) => manifest({ ...counted, ...rest }));
