import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parsePipeline } from '../../src/api/index.ts';
import { manifestDigest } from '../../src/lake/lake.ts';
import {
  type ItemList,
  type ItemPart,
  itemColumns,
  itemKey,
  itemSources,
  knownItems,
  openParts,
} from '../../src/run/items.ts';
import { awaitingItems, type PlanInput, plan } from '../../src/run/plan.ts';
import { type DatasetSpecs, resolveSpecs } from '../../src/run/specs.ts';
import type { ExtractLedger, Manifest, Step } from '../../src/run/types.ts';

const example = join(import.meta.dirname, '..', '..', 'examples', 'coresignal', 'pipeline.yaml');
const parsed = parsePipeline(readFileSync(example, 'utf8'), example);
if (!parsed.ok) throw new Error('the example is not valid');
const specs = resolveSpecs(parsed.pipeline, {
  ...{ params: {}, warehouse: 'w', functions: () => '' },
  tablesOf: new Map([['production_jobs', ['jobs', 'jobdetails']]]),
});
const [jobs, details] = specs.datasets as readonly [DatasetSpecs, DatasetSpecs];
const asOf = '2024-12-01T05:15:00.000Z';

/** A list of a run, as it is when no other run had listed anything. */
function listOf(chunks: readonly string[], at = asOf, adopted: readonly ItemPart[] = []): ItemList {
  const slice = { asOf: at, params: '00000000' };
  const parts = chunks.map((chunk, part) => {
    const of = { slice, part: String(part), chunk };
    return { ...of, key: itemKey({ pipeline: 'default/coresignal' }, details, of) };
  });
  return { v: 2, at, name: at, spec: details.extract.identity, parts, adopted };
}
const items = new Map([['jobdetails', listOf(['sha256:a', 'sha256:b'])]]);
const inputOf = (manifests: readonly Manifest[], more: Partial<PlanInput> = {}): PlanInput => ({
  ...{ pipeline: 'default/coresignal', specs, manifests, failures: [], expired: new Set() },
  run: { name: 'r', from: 'Extract', asOf },
  slice: { asOf, params: '00000000' },
  ...more,
});

const clock = { at: 1_900_000_000_000 };
const all: ExtractLedger = { listed: 50, fetched: 48, gone: 2, skippedKnown: 0, failed: 0, deferred: 0 };

/** What a worker would publish. */
function published(step: Step, before: readonly Manifest[], ledger: ExtractLedger = all): Manifest {
  clock.at += 1000;
  const at = new Date(clock.at).toISOString();
  const { key, stage, dataset, slice, part, spec } = step;
  const read = step.inputs.map((path) => before.find((manifest) => path.includes(manifest.key)));
  return {
    ...{ v: 1, key, stage, dataset, run: 'r', epoch: 1, slice, part, spec, complete: true, schema: [], versions: {} },
    inputs: read.map((manifest) => (manifest ? manifestDigest(manifest) : 'missing')),
    ledger,
    partitions: [{ values: {}, rows: 1, rowsHash: 'rows', files: [{ path: `clean/${key}.parquet`, bytes: 1 }] }],
    source: step.items === undefined ? {} : { items: step.items },
    ...{ cost: { requests: 1, bytes: 0, credits: 0 }, startedAt: at, finishedAt: at },
  };
}

/** Carries out waves while steps of a dataset are planned. */
function finish(dataset: string, from: readonly Manifest[], more: Partial<PlanInput> = {}): Manifest[] {
  const manifests = [...from];
  for (let wave = 0; wave < 20; wave += 1) {
    const steps = plan(inputOf(manifests, more)).filter((step) => step.dataset === dataset);
    if (steps.length === 0) return manifests;
    manifests.push(...steps.map((step) => published(step, manifests)));
  }
  throw new Error('the plan never became empty');
}

const stepsOf = (input: PlanInput) => plan(input).map(({ dataset, stage, part }) => `${dataset} ${stage} ${part}`);

test('which items there are is asked when nothing is left that would change it, and no model is built before', () => {
  expect(itemColumns(details.extract.value)).toEqual(['job_id']);
  expect(awaitingItems(inputOf([]))).toEqual([]);
  const after = finish('jobs', []);
  expect(awaitingItems(inputOf(after)).map(({ specs: { name }, source }) => [name, source.name])).toEqual([
    ['jobdetails', 'jobs'],
  ]);
  expect(plan(inputOf(after)).filter(({ stage }) => stage === 'Transform')).toEqual([]);
  const failures = plan(inputOf([])).map(({ key, dataset, stage }) => ({
    key,
    dataset,
    stage,
    reason: 'x',
    message: '',
  }));
  expect(awaitingItems(inputOf([], { failures }))).toHaveLength(1);
});

test('one step for each chunk, whose key is that of its items; then the rows are cleaned, loaded and built upon', () => {
  const after = finish('jobs', []);
  expect(stepsOf(inputOf(after, { items }))).toEqual(['jobdetails Extract 0', 'jobdetails Extract 1']);
  const [first] = plan(inputOf(after, { items }));
  const others = new Map([['jobdetails', listOf(['sha256:c', 'sha256:b'])]]);
  expect(plan(inputOf(after, { items: others })).map(({ key }) => key)).not.toContain(first?.key);
  const done = finish('jobdetails', after, { items });
  expect(done.filter(({ dataset }) => dataset === 'jobdetails').map(({ stage }) => stage)).toEqual([
    ...['Extract', 'Extract', 'Clean', 'Clean', 'Load'],
  ]);
  expect(stepsOf(inputOf(done, { items }))).toEqual(['production_jobs Transform 0']);
});

test('what one part brought is loaded by the next run, although the others never came', () => {
  const after = finish('jobs', []);
  const [, second] = plan(inputOf(after, { items }));
  if (!second) throw new Error('two steps');
  const broken = [...after, published(second, after)];
  const later = {
    slice: { asOf: '2024-12-01T05:16:00.000Z', params: '00000000' },
    items: new Map([['jobdetails', listOf([])]]),
  };
  const done = finish('jobdetails', broken, later);
  expect(done.filter(({ dataset, stage }) => dataset === 'jobdetails' && stage === 'Load')).toHaveLength(1);
});

test('known are the first items of a chunk, as many as were fetched or gone; sources are the current windows', () => {
  const after = finish('jobs', []);
  const [first, second] = plan(inputOf(after, { items }));
  if (!first || !second) throw new Error('two steps');
  const spent = { ...all, fetched: 10, gone: 2, deferred: 38 };
  const nothing = { ...all, fetched: 0, gone: 0, deferred: 50 };
  const manifests = [...after, published(first, after, spent), published(second, after, nothing)];
  expect(knownItems(inputOf(manifests), details)).toEqual([{ chunk: 'sha256:a', done: 12, asOf }]);
  const input = inputOf(manifests);
  const known = {
    ...input,
    dataset: 'jobs',
    holding: [],
    published: new Map(manifests.map((each) => [each.key, each])),
  };
  expect(itemSources(known, jobs)).toEqual([
    { paths: [expect.stringContaining('clean/')], until: '2024-12-01T05:00:00.000Z' },
  ]);
  const run = { ...input.run, interval: { start: '2025-01-01T00:00:00Z', end: '2025-02-01T00:00:00Z' } };
  expect(itemSources({ ...known, run }, jobs)).toEqual([]);
});

test('a run does what another one has listed and not done, under the same keys, and loads what that brings', () => {
  const after = finish('jobs', []);
  const theirs = listOf(['sha256:a', 'sha256:b']);
  const [first, second] = plan(inputOf(after, { items }));
  if (!first || !second) throw new Error('two steps');
  const half = [...after, published(first, after)];
  const later = { slice: { asOf: '2024-12-01T05:16:00.000Z', params: '00000000' } };
  const open = openParts(inputOf(half, later), details, [theirs]);
  expect(open.map(({ chunk }) => chunk)).toEqual(['sha256:b']);
  expect(openParts(inputOf(half, later), details, [{ ...theirs, spec: 'sha256:other' }])).toEqual([]);
  expect(openParts(inputOf(half, { slice: { ...later.slice, params: 'ffffffff' } }), details, [theirs])).toEqual([]);
  const own = { ...later, items: new Map([['jobdetails', listOf(['sha256:c'], later.slice.asOf, open)]]) };
  const steps = plan(inputOf(half, own)).filter(
    ({ stage, dataset }) => stage === 'Extract' && dataset === 'jobdetails',
  );
  expect(steps).toContainEqual(second);
  expect(steps.map(({ items: chunk }) => chunk)).toEqual(['sha256:c', 'sha256:b']);
  const done = finish('jobdetails', half, own);
  expect(plan(inputOf(done, { items })).filter(({ dataset }) => dataset === 'jobdetails')).toEqual([]);
});
