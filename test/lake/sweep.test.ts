import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { filesystemStore } from '../../src/connectors/stores/filesystem.ts';
import { type Lake, listManifests, manifestPath } from '../../src/lake/lake.ts';
import { sweep, sweepStage } from '../../src/lake/sweep.ts';
import { createLogger } from '../../src/observability/log.ts';
import type { Manifest } from '../../src/run/types.ts';
import { localLimits } from '../connectors/http/localLimits.ts';
import { clean, day, extract, now, objectsOf } from './garbageWorld.ts';

describe('sweep', () => {
  test('removes garbage from a real lake, marks what expired and keeps the rest', async () => {
    const raw = extract('e1', 40 * day);
    const before = clean('c1', raw, 30 * day);
    const manifests = [raw, before, clean('c2', raw, 20 * day)];
    const lake = await lakeWith(manifests);
    const options = { unfinishedKeys: new Set<string>(), now, retention: { raw: 35 * day } };
    expect(await sweep(lake, options)).toEqual({ objects: 6, bytes: expect.any(Number) });
    expect((await listManifests(lake)).map(({ key }) => key).toSorted()).toEqual(['c2', 'e1']);
    expect(await lake.store.get('clean/postings/c1.parquet')).toBeUndefined();
    expect(await lake.store.get('clean/postings/c2.parquet')).toBeDefined();
    expect(JSON.parse(String(await lake.store.get('_jobpulse/expired/postings/e1.json')))).toMatchObject({ key: 'e1' });
    expect(await sweep(lake, options)).toEqual({ objects: 0, bytes: 0 });
  });

  test('stops when it is told to', async () => {
    const raw = extract('e1', 40 * day);
    const lake = await lakeWith([raw, clean('c1', raw, 30 * day), clean('c2', raw, 20 * day)]);
    const signal = AbortSignal.abort(new Error('the worker is stopping'));
    const stopped = sweep(lake, { unfinishedKeys: new Set(), now, retention: {}, signal });
    await expect(stopped).rejects.toThrow('the worker is stopping');
    expect(await lake.store.get('clean/postings/c1.parquet')).toBeDefined();
  });
});

test('as a step the sweep keeps things as long as the pipeline says', async () => {
  const raw = extract('e1', 2000 * day);
  const lake = await lakeWith([raw, clean('c1', raw, 2000 * day)]);
  const outcome = await sweepStage({
    ...{ lake, spec: { stage: 'Sweep', retention: { raw: '400d', quarantine: '90d' } }, inputs: [] },
    step: { ...raw, stage: 'Sweep', dataset: '_pipeline', inputs: [] },
    run: { name: raw.run, asOf: raw.slice.asOf },
    ...{
      scratch: '',
      filesRoot: '',
      allowPrivateNetworks: false,
      limits: localLimits(),
      shared: lake.store,
      signal: AbortSignal.timeout(60_000),
    },
    ...{ secret: () => undefined, crashPoint: () => undefined, progress: () => undefined },
    log: createLogger({ level: 'silent' }),
  });
  expect(outcome.ledger).toMatchObject({ objects: 3 });
  expect(await lake.store.get('quarantine/postings/c1.parquet')).toBeUndefined();
  expect(await lake.store.get('clean/postings/c1.parquet')).toBeDefined();
});

/** A real lake in a folder of its own, with files as old as their manifests say. */
async function lakeWith(manifests: readonly Manifest[]): Promise<Lake> {
  const folder = await mkdtemp(join(tmpdir(), 'sweep-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const lake = { store: filesystemStore(folder), pipeline: 'default/usajobs' };
  const contents = new Map(manifests.map((each) => [manifestPath(each), JSON.stringify(each)]));
  for (const { path, modifiedAt } of objectsOf(manifests)) {
    await lake.store.putIfAbsent(path, Buffer.from(contents.get(path) ?? 'some bytes'));
    await utimes(join(folder, path), modifiedAt, modifiedAt);
  }
  return lake;
}
