import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { pipeline as pipelineSchema } from '../../src/api/index.ts';
import { filesystemStore, prefixed } from '../../src/connectors/stores/filesystem.ts';
import type { Store } from '../../src/connectors/stores/store.ts';
import { type Lake, listManifests, manifestDigest, publish, readManifest } from '../../src/lake/lake.ts';
import { layout } from '../../src/lake/layout.ts';
import { type ItemList, itemKey } from '../../src/run/items.ts';
import { type PlanInput, plan } from '../../src/run/plan.ts';
import type { Manifest, Step } from '../../src/run/types.ts';
import { planInput } from '../../src/workers/plan.ts';
import { forgetSettled, rememberSettled } from '../../src/workers/published.ts';

const iso = (minutes: number): string => new Date(Date.parse('2026-03-10T00:00:00Z') + minutes * 60_000).toISOString();

/** Asks for each row of `jobs`. */
const details = {
  name: 'details',
  key: ['id'],
  extract: {
    rest: {
      baseUrl: 'https://api.example.org',
      path: '/jobs/{{ item.id }}',
      forEach: { dataset: 'jobs', skip: 'Known' },
    },
  },
  format: { json: { records: '$' } },
  clean: { columns: [{ name: 'id', type: 'string', from: '$.id' }] },
  load: { mode: 'Merge' },
};

const pipeline = (column = 'id', others: readonly object[] = []) =>
  pipelineSchema.parse({
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'p' },
    spec: {
      datasets: [
        {
          name: 'jobs',
          key: ['id'],
          extract: {
            window: { start: iso(0), every: '1h' },
            rest: { baseUrl: 'https://api.example.org', path: '/jobs' },
          },
          format: { json: { records: '$[*]' } },
          clean: { columns: [{ name: 'id', type: 'string', from: `$.${column}` }] },
          load: { mode: 'Merge' },
        },
        ...others,
      ],
    },
  });

async function openLake(): Promise<Lake> {
  const folder = await mkdtemp(join(tmpdir(), 'jobpulse-index-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return { store: prefixed(filesystemStore(folder), 'default/p'), pipeline: 'default/p' };
}

/** Does what a worker would do for a step, at a minute. */
async function work(lake: Lake, step: Step, at: number, deferred = 0): Promise<void> {
  const { key, stage, dataset, slice, part, spec, inputs, items } = step;
  const read = await Promise.all(inputs.map((path) => readManifest(lake, path)));
  const manifest: Manifest = {
    ...{ v: 1, key, stage, dataset, run: `run-${at}`, epoch: 1, slice, part, spec, complete: true, schema: [] },
    inputs: read.flatMap((each) => (each ? [manifestDigest(each)] : [])),
    ledger: { listed: 1 + deferred, fetched: 1, skippedKnown: 0, gone: 0, failed: 0, deferred },
    ...{ partitions: [{ values: {}, rows: 1, rowsHash: 'rows', files: [] }], versions: {} },
    source: items === undefined ? {} : { items },
    cost: { requests: 1, bytes: 0, credits: 0 },
    ...{ startedAt: iso(at), finishedAt: iso(at) },
  };
  await publish(lake, manifest);
}

const inputAt = (lake: Lake, at: number, refresh = false, column?: string) =>
  planInput(lake, pipeline(column), {
    run: { name: `run-${at}`, asOf: iso(at), from: 'Extract', refresh },
    ...{ params: [], warehouse: 'w', failures: [], startedAt: iso(at) },
  });

/** A whole run that begins at a minute; ends as a plan job does. */
async function run(lake: Lake, at: number): Promise<void> {
  for (let wave = 0; wave < 20; wave += 1) {
    const input = await inputAt(lake, at);
    const steps = plan(input);
    if (steps.length === 0) return rememberSettled(lake, input, iso(at));
    for (const step of steps) await work(lake, step, at);
  }
  throw new Error('the plan never became empty');
}

test('settled periods are not read again, and the plan is the same without the index', async () => {
  const lake = await openLake();
  await run(lake, 300);
  await run(lake, 365);
  const all = await listManifests(lake);
  const known = await inputAt(lake, 425);
  expect(known.manifests.length).toBeLessThan(all.length / 2);
  const index = await lake.store.get(layout.index('jobs'));
  expect(index?.length).toBeLessThan(500);
  await forgetSettled(lake, known);
  const read = await inputAt(lake, 425);
  expect(read.manifests.length).toBe(all.length);
  expect(plan(known)).toEqual(plan(read));
});

test('what a run that began earlier must see, other rules, another day and refresh read everything', async () => {
  const lake = await openLake();
  await run(lake, 300);
  await run(lake, 365);
  const all = (await listManifests(lake)).length;
  const inHand = async (...asked: [number, boolean?, string?]) => (await inputAt(lake, ...asked)).manifests.length;
  expect(await inHand(420)).toBeLessThan(all);
  expect(await inHand(364)).toBe(all);
  expect(await inHand(420, true)).toBe(all);
  expect(await inHand(420, false, 'other')).toBe(all);
  expect(await inHand(420 + 24 * 60)).toBe(all);
});

test('an index that is not whole is as none', async () => {
  const lake = await openLake();
  await run(lake, 300);
  await lake.store.delete(layout.index('jobs'));
  await lake.store.putIfAbsent(layout.index('jobs'), Buffer.from('{"v":1,"sett'));
  expect(plan(await inputAt(lake, 300))).toEqual([]);
});

describe('a dataset that asks for what another one found', () => {
  const both = pipeline('id', [details]);
  const inputOf = (lake: Lake, at: number) =>
    planInput(lake, both, {
      run: { name: `run-${at}`, asOf: iso(at), from: 'Extract' },
      ...{ params: [], warehouse: 'w', failures: [], startedAt: iso(at) },
    });

  /** The list that a run would make: one chunk. */
  function listed(input: PlanInput, at: number): ReadonlyMap<string, ItemList> {
    const specs = input.specs.datasets.find(({ name }) => name === 'details');
    if (!specs) throw new Error('no such dataset');
    const part = { slice: input.slice, part: '0', chunk: `sha256:${at}` };
    const parts = [{ ...part, key: itemKey(input, specs, part) }];
    return new Map([
      ['details', { v: 2, at: iso(at), name: `${at}`, spec: specs.extract.identity, parts, adopted: [] }],
    ]);
  }

  async function runBoth(lake: Lake, at: number, deferred = 0): Promise<void> {
    for (let wave = 0; wave < 20; wave += 1) {
      const known = await inputOf(lake, at);
      const input = { ...known, items: listed(known, at) };
      const steps = plan(input);
      if (steps.length === 0) return rememberSettled(lake, input, iso(at));
      for (const step of steps) await work(lake, step, at, step.items === undefined ? 0 : deferred);
    }
    throw new Error('the plan never became empty');
  }

  /** A lake that counts what is read of it. */
  function counting(lake: Lake): { readonly lake: Lake; readonly reads: () => number } {
    let reads = 0;
    const get: Store['get'] = (path) => {
      reads += 1;
      return lake.store.get(path);
    };
    return { lake: { ...lake, store: { ...lake.store, get } }, reads: () => reads };
  }

  const readsAt = async (lake: Lake, at: number): Promise<number> => {
    const { lake: counted, reads } = counting(lake);
    await inputOf(counted, at);
    return reads();
  };

  test('is planned by as many reads after many runs as after few', async () => {
    const lake = await openLake();
    const reads: number[] = [];
    for (let run = 0; run < 14; run += 1) {
      await runBoth(lake, 300 + 60 * run);
      reads.push(await readsAt(lake, 345 + 60 * run));
    }
    const all = (await listManifests(lake)).length;
    console.log(`${all} manifests; reads of a plan after each run: ${reads.join(', ')}`);
    const [few = 0, many = 0] = [reads[3], reads.at(-1)];
    expect(many).toBeLessThanOrEqual(few);
    expect(many).toBeLessThan(all / 3);
    const known = await inputOf(lake, 300 + 60 * 14);
    await forgetSettled(lake, known);
    expect(plan(known)).toEqual(plan(await inputOf(lake, 300 + 60 * 14)));
  });

  test('keeps the windows open whose items it has not all asked for, and its own runs without their index', async () => {
    const lake = await openLake();
    await runBoth(lake, 300);
    await runBoth(lake, 365);
    await runBoth(lake, 425, 3);
    await runBoth(lake, 485, 3);
    const settledOf = async (name: string) => (await inputOf(lake, 545)).settled?.get(name);
    const begin = Date.parse(iso(0));
    expect(await settledOf('jobs')).toEqual([{ start: begin, end: Date.parse(iso(300)) }]);
    expect(await settledOf('details')).toEqual([{ start: 0, end: Date.parse(iso(300)) }]);
    await runBoth(lake, 545);
    expect(await settledOf('jobs')).toEqual([{ start: begin, end: Date.parse(iso(480)) }]);
    await lake.store.delete(layout.index('jobs'));
    expect(await settledOf('details')).toEqual([]);
  });
});
