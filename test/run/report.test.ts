import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildReport, type DatasetReport, datasetLine, exitCode, type ReportInput } from '../../src/run/report.ts';
import type { Manifest } from '../../src/run/types.ts';
import { anyManifest, cleaned, extracted, loaded, manifest } from './reportManifests.ts';

const asOf = '2026-11-20T12:00:00.000Z';

const input = (differing: Partial<ReportInput>): ReportInput => ({
  run: 'run-1',
  pipeline: 'default/usajobs',
  asOf,
  interval: null,
  status: 'Succeeded',
  seconds: 3.1,
  datasets: ['postings'],
  models: [],
  manifests: [],
  failures: [],
  leftOut: [],
  ...differing,
});

function only<Item>(items: readonly Item[]): Item {
  const [item, ...others] = items;
  if (item === undefined || others.length > 0) throw new Error(`expected one item, got ${items.length}`);
  return item;
}

const second = (n: number) => new Date(Date.parse(asOf) + n * 1000).toISOString();

/** One run over two pages: 500 read, 2 rejected. */
const firstRun: readonly Manifest[] = [
  manifest({
    stage: 'Extract',
    ledger: extracted({ fetched: 500 }),
    cost: { requests: 2, bytes: 900, credits: 3 },
    startedAt: second(1),
    finishedAt: second(2),
  }),
  manifest({
    stage: 'Clean',
    ledger: cleaned({ clean: 498, rejected: { 'required:position_uri': 1, 'sql:pay-range': 1 } }),
    startedAt: second(2),
    finishedAt: second(3),
  }),
  manifest({
    stage: 'Load',
    ledger: loaded({ added: 498 }),
    partitions: [{ values: {}, rows: 498, rowsHash: 'hash-1', files: [] }],
    startedAt: second(3),
    finishedAt: second(3.7),
  }),
];

const model = (differing: Partial<Manifest> = {}, warned = 0) =>
  manifest({
    stage: 'Transform',
    dataset: 'openings',
    ledger: { rows: 3, passed: 2, warned, failed: 0 },
    insight: '3 openings fit',
    startedAt: second(4),
    finishedAt: second(4.1),
    ...differing,
  });

describe('buildReport', () => {
  test('is the account of contracts: names, order and figures', () => {
    const report = buildReport(input({ models: ['openings'], manifests: [...firstRun, model()] }));
    expect(report).toEqual({
      ...{ v: 1, run: 'run-1', pipeline: 'default/usajobs', asOf, interval: null, status: 'Succeeded' },
      ...{ conserved: true, seconds: 3.1 },
      datasets: [
        {
          ...{ name: 'postings', slices: 1, skipped: 0, requests: 2, credits: 3 },
          ...{ listed: 500, fetched: 500, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
          ...{ read: 500, expanded: 0, clean: 498, rejected: 2 },
          rejectedBy: { 'required:position_uri': 1, 'sql:pay-range': 1 },
          ...{ filtered: 0, deduplicated: 0, added: 498, modified: 0, unchanged: 0, superseded: 0 },
          ...{ deleted: 0, marked: 0, seconds: 2.7, rowsHash: 'hash-1' },
        },
      ],
      models: [
        {
          ...{ name: 'openings', rows: 3, checks: { passed: 2, warned: 0, failed: 0 } },
          ...{ seconds: 0.1, skipped: false, insight: '3 openings fit' },
        },
      ],
      why: [],
    });
  });

  test('adds up for any published ledgers', () => {
    fc.assert(
      fc.property(fc.array(anyManifest), (manifests) => {
        const report = buildReport(input({ manifests, datasets: ['postings', 'agencies'] }));
        expect(report.conserved).toBe(true);
        for (const each of report.datasets) expectBalanced(each);
        const own = manifests.filter(({ run }) => run === 'run-1');
        const requests = own.reduce((sum, { cost }) => sum + cost.requests, 0);
        expect(report.datasets.reduce((sum, each) => sum + each.requests, 0)).toBe(requests);
        expect(exitCode(report)).toBe(report.why.some(({ reason }) => reason === 'RejectRate') ? 3 : 0);
      }),
    );
  });

  test('counts only what this run did, and says that the rest was there', () => {
    const other = buildReport(input({ run: 'run-2', manifests: firstRun, models: ['openings'] }));
    const dataset = only(other.datasets);
    expect(dataset).toMatchObject({ slices: 0, skipped: 1, requests: 0, read: 0, added: 0, rowsHash: 'hash-1' });
    expect(other.why).toEqual([
      { dataset: 'postings', reason: 'AlreadyPublished', message: 'another run had published this slice already' },
      { dataset: 'openings', reason: 'NotBuilt', message: 'what it reads is not loaded yet' },
    ]);
  });

  test('takes the hash of the newest load, not of the newest slice', () => {
    const late = manifest({
      stage: 'Load',
      slice: { asOf: '2026-11-01T00:00:00.000Z', params: '00000000' },
      ledger: loaded({ superseded: 1 }),
      partitions: [{ values: {}, rows: 498, rowsHash: 'hash-2', files: [] }],
      finishedAt: second(60),
    });
    const report = buildReport(input({ manifests: [late, ...firstRun] }));
    expect(only(report.datasets)).toMatchObject({ rowsHash: 'hash-2', slices: 2 });
  });

  test('says that nothing changed at the source', () => {
    const same = manifest({ stage: 'Load', ledger: loaded({ unchanged: 500 }) });
    const report = buildReport(input({ manifests: [same] }));
    expect(report.why).toEqual([
      { dataset: 'postings', reason: 'NothingChanged', message: 'nothing changed at the source: 500 unchanged' },
    ]);
    expect(exitCode(report)).toBe(0);
  });

  test('does not call a run that marked a row a run that changed nothing', () => {
    const marking = manifest({ stage: 'Load', ledger: loaded({ unchanged: 499, marked: 1 }) });
    expect(buildReport(input({ manifests: [marking] })).why).toEqual([]);
  });

  test('lets a failure speak for its dataset', () => {
    const failure = {
      dataset: 'postings',
      stage: 'Extract',
      key: 'k',
      reason: 'Unauthorized',
      message: '401',
    } as const;
    const report = buildReport(input({ status: 'Failed', failures: [failure] }));
    expect(report.why).toEqual([{ dataset: 'postings', reason: 'Unauthorized', message: '401' }]);
    expect(exitCode(report)).toBe(1);
  });

  test('blames the plan, not the datasets, when planning failed', () => {
    const failure = { dataset: '', stage: 'Plan', key: 'k', reason: 'LakeGone', message: 'no lake' } as const;
    const report = buildReport(input({ status: 'Failed', failures: [failure] }));
    expect(report.why.map(({ reason }) => reason)).toEqual(['LakeGone']);
  });

  test('leaves a model that nothing changed as it is, and does not warn again', () => {
    const notices = [{ reason: 'CheckWarned', message: 'id: 1 of 3 rows' }];
    const report = buildReport(
      input({ run: 'run-2', models: ['openings'], manifests: [...firstRun, model({ notices }, 1)] }),
    );
    expect(only(report.models)).toMatchObject({ rows: 3, skipped: true, seconds: 0, checks: { warned: 1 } });
    expect(exitCode(report)).toBe(0);
  });

  test('lists at most 100 reasons and keeps the ones that decide the exit code', () => {
    const notices = Array.from({ length: 150 }, () => ({ reason: 'SchemaDrift', message: 'a new column' }));
    const warning = { reason: 'SnapshotShrank', message: '251 of 500 rows are missing' };
    const drifting = manifest({ stage: 'Load', ledger: loaded({ added: 1 }), notices: [...notices, warning] });
    const report = buildReport(input({ manifests: [drifting] }));
    expect(report.why).toHaveLength(100);
    expect(report.why[0]).toEqual({ dataset: 'postings', ...warning });
    expect(report.why.at(-1)).toEqual({ reason: 'MoreReasons', message: '52 more are not listed' });
    expect(exitCode(report)).toBe(3);
  });
});

describe('exitCode', () => {
  const done = (differing: Partial<ReportInput>) => buildReport(input({ manifests: firstRun, ...differing }));

  test('is 0 although rows were rejected: they are in quarantine', () => {
    expect(exitCode(done({}))).toBe(0);
  });

  test('is 3 when a check of severity Warn spoke, in a dataset or in a model', () => {
    const notices = [{ reason: 'CheckWarned', message: 'pay-range: 1 of 498 rows' }];
    expect(exitCode(done({ manifests: [manifest({ stage: 'Clean', ledger: cleaned(), notices })] }))).toBe(3);
    expect(exitCode(done({ models: ['openings'], manifests: [...firstRun, model({ notices }, 1)] }))).toBe(3);
  });

  test('is 3 when more than 10 % of the rows, and at least 10, were rejected', () => {
    const of = (clean: number, rejected: Readonly<Record<string, number>>) =>
      done({ manifests: [manifest({ stage: 'Clean', ledger: cleaned({ clean, rejected }) })] });
    expect(exitCode(of(90, { 'required:id': 10 }))).toBe(0);
    expect(exitCode(of(0, { 'required:id': 9 }))).toBe(0);
    const report = of(80, { 'sql:pay': 1, 'required:id': 7, 'range:pay': 2, 'range:age': 1 });
    expect(exitCode(report)).toBe(3);
    expect(report.why[0]).toEqual({
      ...{ dataset: 'postings', reason: 'RejectRate' },
      message: '11 of 91 rows were rejected, more than 10 %: 7 required:id, 2 range:pay, 1 range:age and 1 more rules',
    });
  });

  test('is 1 when the run was cancelled or its ledgers do not add up', () => {
    expect(exitCode(done({ status: 'Cancelled' }))).toBe(1);
    const lossy = manifest({ stage: 'Clean', ledger: { ...cleaned({ clean: 1 }), read: 2 } });
    expect(exitCode(done({ manifests: [lossy] }))).toBe(1);
  });
});

describe('datasetLine', () => {
  const line = (manifests: readonly Manifest[]) => {
    const report = buildReport(input({ manifests }));
    return datasetLine(report, only(report.datasets));
  };

  test('names the reasons of rejected rows, the most frequent first', () => {
    const rejected = { 'sql:x': 1, 'required:position_uri': 2, 'range:min_pay': 0 };
    expect(line([manifest({ stage: 'Clean', ledger: cleaned({ clean: 497, rejected }) })])).toBe(
      'usajobs/postings: read 500, rejected 3 (2 required:position_uri, 1 sql:x), added 0, modified 0, 1.0 s',
    );
  });

  test('has no parentheses when nothing was rejected', () => {
    expect(line([manifest({ stage: 'Load', ledger: loaded({ added: 4, modified: 1 }) })])).toBe(
      'usajobs/postings: read 0, rejected 0, added 4, modified 1, 1.0 s',
    );
  });
});

function expectBalanced(each: DatasetReport): void {
  expect(each.listed).toBe(each.fetched + each.skippedKnown + each.gone + each.failed + each.deferred);
  expect(each.read + each.expanded).toBe(each.clean + each.rejected + each.filtered + each.deduplicated);
  expect(each.rejected).toBe(Object.values(each.rejectedBy).reduce((sum, count) => sum + count, 0));
}
