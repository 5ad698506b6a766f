import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { filesystemStore } from '../../src/connectors/stores/filesystem.ts';
import { prefixed } from '../../src/connectors/stores/prefixed.ts';
import { s3Store } from '../../src/connectors/stores/s3.ts';
import type { Store, StoredObject } from '../../src/connectors/stores/store.ts';
import { listManifests, mapBounded } from '../../src/lake/lake.ts';
import type { RunReport } from '../../src/run/report.ts';
import { describeWithGoProgram } from '../servers/goPrograms.ts';
import { type S3Server, startS3 } from '../servers/s3.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { ask, jobpulse, onlyDataset, secretsOf, temporaryFolder, usajobsManifest, usajobsRun } from './harness.ts';

describeWithGoProgram('versitygw', 'the usajobs example with its lake in S3', () => {
  let server: S3Server;
  let double: UsajobsDouble;
  beforeAll(async () => {
    [server, double] = await Promise.all([startS3(), startUsajobs({ seed: 7, postings: 742 })]);
  }, 60_000);
  afterAll(async () => {
    await double?.close();
    await server?.stop();
  });

  const env = () => ({ ...secretsOf(double), ...server.env });
  async function run(dataDir: string, ...more: readonly string[]): Promise<RunReport> {
    const ended = await jobpulse(usajobsRun(double, dataDir, ...more), env());
    if (ended.code !== 0 && ended.code !== 3) throw new Error(`exit ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
    return JSON.parse(ended.stdout) as RunReport;
  }
  /** Tells a data directory where its lake is. */
  const lakeIn = (dataDir: string, prefix: string): Store => {
    const { bucket, endpoint } = server.place;
    writeFileSync(join(dataDir, 'lake.yaml'), `s3: {bucket: ${bucket}, prefix: ${prefix}, endpoint: '${endpoint}'}\n`);
    return s3Store({ ...server.place, prefix });
  };
  const steps = async (store: Store) => {
    const manifests = await listManifests({ store, pipeline: 'default/usajobs' });
    return Object.groupBy(manifests, ({ stage }) => stage);
  };
  const rowsOf = (dataDir: string) =>
    ask(dataDir, 'SELECT matched_object_id, _row_hash FROM usajobs.postings ORDER BY ALL');

  test('comes to the same rows as with a folder, and finds them unchanged', async () => {
    const [here, there] = [temporaryFolder(), temporaryFolder()];
    const store = lakeIn(there, 'same/rows');
    const inFolder = onlyDataset(await run(here));
    const inBucket = onlyDataset(await run(there));
    expect(inBucket).toMatchObject({ added: inFolder.added, rejected: inFolder.rejected, requests: inFolder.requests });
    expect(await rowsOf(there)).toEqual(await rowsOf(here));
    expect((await Array.fromAsync(store.list(''))).length).toBeGreaterThan(5);
    const again = onlyDataset(await run(there));
    expect(again).toMatchObject({ added: 0, modified: 0, unchanged: inFolder.added });
    const listed = await jobpulse(['quarantine', 'ls', 'usajobs', '--data-dir', there, '-o', 'json'], env());
    expect(JSON.parse(listed.stdout)).not.toEqual([]);
  }, 120_000);

  test('moved from a folder to S3, repeats no work', async () => {
    const dataDir = temporaryFolder();
    await run(dataDir);
    const before = await rowsOf(dataDir);
    const store = lakeIn(dataDir, 'moved');
    await copy(filesystemStore(join(dataDir, 'lake')), store);
    const lake = view(store);
    const asked = double.ledger().requests.length;
    await run(dataDir, '--from', 'Clean');
    expect(double.ledger().requests).toHaveLength(asked);
    const same = await steps(lake);
    expect([same.Extract, same.Clean, same.Load].map((each) => each?.length)).toEqual([1, 1, 1]);
    expect(await rowsOf(dataDir)).toEqual(before);
    // A snapshot is always looked at anew; what was done about the one before is not done again.
    await run(dataDir);
    const next = await steps(lake);
    expect([next.Extract, next.Clean, next.Load].map((each) => each?.length)).toEqual([2, 2, 2]);
    expect(next.Load?.map(({ ledger }) => 'unchanged' in ledger && ledger.unchanged)).toEqual(
      expect.arrayContaining([0, before.length]),
    );
  }, 120_000);

  test('taken over by another installation, is loaded into its warehouse without a request to the source', async () => {
    const [here, there] = [temporaryFolder(), temporaryFolder()];
    const store = lakeIn(here, 'handed/over');
    await run(here);
    lakeIn(there, 'handed/over');
    const asked = double.ledger().requests.length;
    const refused = await jobpulse(usajobsRun(double, there, '--from', 'Clean'), env());
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('belongs to installation');
    const manifest = join(there, 'pipeline.yaml');
    const adopting = 'name: usajobs\n  annotations: {jobpulse.dev/adopt: "true"}\n';
    writeFileSync(manifest, readFileSync(usajobsManifest, 'utf8').replace(/name: usajobs\n/, adopting));
    const args = usajobsRun(double, there, '--from', 'Clean').map((each) =>
      each === usajobsManifest ? manifest : each,
    );
    const taken = await jobpulse(args, env());
    expect(taken.code, taken.stderr).toBe(0);
    expect(double.ledger().requests).toHaveLength(asked);
    const done = await steps(view(store));
    expect([done.Extract, done.Clean, done.Load].map((each) => each?.length)).toEqual([1, 1, 2]);
    expect(await rowsOf(there)).toEqual(await rowsOf(here));
  }, 120_000);
});

/** The pipeline's part of a store. */
const view = (store: Store): Store => prefixed(store, 'default/usajobs');

/** Everything that a store holds, with the five functions that every store has. */
async function copy(from: Store, to: Store): Promise<void> {
  const objects = await Array.fromAsync(from.list(''));
  const put = async ({ path }: StoredObject) => to.putIfAbsent(path, (await from.get(path)) ?? Buffer.alloc(0));
  expect(new Set(await mapBounded(objects, 16, put))).toEqual(new Set(['created']));
}
