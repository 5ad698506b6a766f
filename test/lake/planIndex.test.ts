import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { pipeline as pipelineSchema } from '../../src/api/index.ts';
import { filesystemStore, prefixed } from '../../src/connectors/stores/filesystem.ts';
import { type Lake, listManifests, manifestDigest, publish, readManifest } from '../../src/lake/lake.ts';
import { layout } from '../../src/lake/layout.ts';
import { plan } from '../../src/run/plan.ts';
import type { Manifest, Step } from '../../src/run/types.ts';
import { planInput } from '../../src/workers/plan.ts';
import { forgetSettled, rememberSettled } from '../../src/workers/published.ts';

const iso = (minutes: number): string => new Date(Date.parse('2026-03-10T00:00:00Z') + minutes * 60_000).toISOString();

const pipeline = (column = 'id') =>
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
      ],
    },
  });

async function openLake(): Promise<Lake> {
  const folder = await mkdtemp(join(tmpdir(), 'jobpulse-index-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return { store: prefixed(filesystemStore(folder), 'default/p'), pipeline: 'default/p' };
}

/** Does what a worker would do for a step, at a minute. */
async function work(lake: Lake, { key, stage, dataset, slice, part, spec, inputs }: Step, at: number): Promise<void> {
  const read = await Promise.all(inputs.map((path) => readManifest(lake, path)));
  const manifest: Manifest = {
    ...{ v: 1, key, stage, dataset, run: `run-${at}`, epoch: 1, slice, part, spec, complete: true, schema: [] },
    inputs: read.flatMap((each) => (each ? [manifestDigest(each)] : [])),
    ledger: { listed: 1, fetched: 1, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
    ...{ partitions: [{ values: {}, rows: 1, rowsHash: 'rows', files: [] }], source: {}, versions: {} },
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
