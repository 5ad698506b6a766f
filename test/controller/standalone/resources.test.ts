import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import type { PipelineRun } from '../../../src/api/index.ts';
import { openResources } from '../../../src/controller/standalone/resources.ts';

const root = mkdtempSync(join(tmpdir(), 'jobpulse-resources-'));
afterAll(() => rmSync(root, { recursive: true }));

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(root, 'data-'));
});

const folder = () => join(dataDir, 'resources', 'pipelineruns', 'default');
const runs = () => openResources(dataDir, 'default').runs;

const run = (name: string): PipelineRun => ({
  apiVersion: 'jobpulse.dev/v1alpha1',
  kind: 'PipelineRun',
  metadata: { name },
  spec: {
    pipelineRef: { name: 'usajobs' },
    from: 'Extract',
    params: [],
    datasets: [],
    ...{ refresh: false, priority: 'Normal', maxSharePercent: 100, state: 'Run', ttl: '30d' },
  },
});

test('an object is created once, and any later start finds it', async () => {
  expect(await runs().create(run('b'))).toBe(true);
  expect(await runs().create(run('a'))).toBe(true);
  expect(await runs().create({ ...run('a'), status: { phase: 'Running' } })).toBe(false);
  expect((await runs().list()).map(({ metadata }) => metadata)).toEqual([
    { name: 'a', generation: 1 },
    { name: 'b', generation: 1 },
  ]);
  expect(await runs().get('a')).not.toHaveProperty('status');
  await runs().delete('a');
  await runs().delete('a');
  expect(await runs().get('a')).toBeUndefined();
});

test('the generation moves with the spec alone, and what stays the same is not written', async () => {
  const collection = runs();
  await collection.create(run('a'));
  const path = join(folder(), 'a.json');
  await collection.update('a', (each) => ({ ...each, status: { phase: 'Running' } }));
  expect(await collection.get('a')).toMatchObject({ metadata: { generation: 1 }, status: { phase: 'Running' } });
  await collection.update('a', (each) => ({ ...each, spec: { ...each.spec, state: 'Cancel' } }));
  expect(await collection.get('a')).toMatchObject({ metadata: { generation: 2 }, spec: { state: 'Cancel' } });
  const before = statSync(path).ino;
  await collection.update('a', (each) => ({ ...each, status: { phase: 'Running' }, spec: { ...each.spec } }));
  expect(statSync(path).ino).toBe(before);
  await collection.update('nobody', () => run('nobody'));
  expect(await collection.get('nobody')).toBeUndefined();
});

test('updates from everywhere in the process are taken one after the other: none is lost', async () => {
  const collection = runs();
  await collection.create(run('a'));
  const add = (name: string) =>
    collection.update('a', (each) => ({ ...each, spec: { ...each.spec, datasets: [...each.spec.datasets, name] } }));
  const names = Array.from({ length: 50 }, (_, at) => `d${at}`);
  const refused = collection.update('a', () => {
    throw new Error('refused');
  });
  await Promise.all([...names.map(add), expect(refused).rejects.toThrow('refused')]);
  expect((await collection.get('a'))?.spec.datasets).toEqual(names);
  expect((await collection.get('a'))?.metadata.generation).toBe(51);
  expect(readdirSync(folder())).toEqual(['a.json']);
});

test('a write that was cut off by a crash is not an object', async () => {
  await runs().create(run('a'));
  writeFileSync(join(folder(), 'a.json.tmp'), readFileSync(join(folder(), 'a.json')).subarray(0, 20));
  expect(await runs().list()).toHaveLength(1);
  expect(await runs().get('a')).toEqual({ ...run('a'), metadata: { name: 'a', generation: 1 } });
  await runs().update('a', (each) => ({ ...each, spec: { ...each.spec, state: 'Cancel' } }));
  expect(readdirSync(folder())).toEqual(['a.json']);
});

test('a file that is no object is named', async () => {
  mkdirSync(folder(), { recursive: true });
  writeFileSync(join(folder(), 'a.json'), '{"half":');
  await expect(runs().list()).rejects.toThrow(join(folder(), 'a.json'));
});
