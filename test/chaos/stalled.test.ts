import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadManifest } from '../../src/cli/manifest.ts';
import { socketPath } from '../../src/controller/standalone/folders.ts';
import { lakeOf } from '../../src/controller/standalone/lake.ts';
import { listManifests } from '../../src/lake/lake.ts';
import type { WorkEvent } from '../../src/queue/events.ts';
import type { PoolName } from '../../src/queue/names.ts';
import type { Manifest } from '../../src/run/types.ts';
import { ask, runUsajobs, secretsOf, start, usajobsManifest, usajobsRun } from '../e2e/harness.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { holder, openFloor, workersOf } from './workers.ts';

/** Longer than a lease, a job's lock and the pool's patience together. */
const stalledMs = 40_000;
const [postings, pageSize, pagesBefore] = [2000, 100, 4];
const changes = [
  ['spec.datasets[0].extract.rest.paging.page.size', String(pageSize)],
  ['spec.datasets[0].extract.limits.rate.requests', '1000'],
] as const;
const settings = changes.flatMap(([path, value]) => ['--set', `${path}=${value}`]);

/** What must be the same whatever stopped on the way. */
interface Figures {
  readonly ledgers: readonly unknown[];
  readonly rows: unknown;
}

/** What became of a run during which a worker was stopped. */
interface Stalled extends Figures {
  readonly manifests: readonly Manifest[];
  /** Key of the step that the stopped worker was at. */
  readonly key: string;
  /** Objects of the lake that are not as they were when they were first seen. */
  readonly overwritten: readonly string[];
  /** Seconds from the stop until another worker was at the same step, and until the run had ended. */
  readonly takenOver: number;
  readonly ended: number;
}

const folders: string[] = [];
const doubles: UsajobsDouble[] = [];

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'jobpulse-stalled-'));
  folders.push(path);
  return path;
}

async function double(latencyMs: number): Promise<UsajobsDouble> {
  const started = await startUsajobs({ seed: 5, postings, latencyMs });
  doubles.push(started);
  return started;
}

async function figures(dataDir: string): Promise<Figures & Pick<Stalled, 'manifests'>> {
  const manifests = await listManifests(lakeOf(dataDir, 'usajobs'));
  const ledgers = manifests
    .filter(({ stage }) => stage !== 'Sweep')
    .map(({ stage, dataset, part, ledger }) => JSON.stringify({ stage, dataset, part, ledger }))
    .sort();
  const [rows] = await ask(
    dataDir,
    `SELECT count(*)::INTEGER AS rows, md5(string_agg(_row_hash, ',' ORDER BY matched_object_id)) AS hash
     FROM usajobs.postings`,
  );
  return { manifests, ledgers, rows };
}

async function runUndisturbed(): Promise<Figures> {
  const dataDir = await folder();
  await runUsajobs(await double(0), dataDir, ...settings);
  const { ledgers, rows } = await figures(dataDir);
  return { ledgers, rows };
}

/** All finished objects of a lake. */
const objects = (lake: string): string[] =>
  (existsSync(lake) ? readdirSync(lake, { recursive: true, withFileTypes: true }) : [])
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name));

/** What would tell that an object was written again. */
function facts(path: string): string {
  const { ino, mtimeMs } = statSync(path);
  return `${ino} ${mtimeMs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
}

/** Notes each object of a lake as it is when it is first seen; the result says which are another way in the end. */
function watchLake(dataDir: string): () => readonly string[] {
  const first = new Map<string, string>();
  const look = () => {
    for (const path of objects(join(dataDir, 'lake'))) if (!first.has(path)) first.set(path, facts(path));
  };
  const timer = setInterval(look, 100);
  return () => {
    clearInterval(timer);
    return [...first].filter(([path, seen]) => facts(path) !== seen).map(([path]) => path);
  };
}

const seconds = (since: number): number => Math.round((performance.now() - since) / 100) / 10;

/** Stops the worker that is at a step of a pool with two, for longer than anybody waits, and lets it go on again. */
async function stallOneOfTwo(pool: 'extract' | 'clean', latencyMs: number) {
  const dataDir = await folder();
  const source = await double(latencyMs);
  const base = ['spec.datasets[0].extract.rest.baseUrl', source.url] as const;
  const { pipeline } = await loadManifest(usajobsManifest, [...changes, base]);
  const sizes: Record<PoolName, number> = { extract: 1, clean: 1, warehouse: 1, [pool]: 2 };
  const floor = await openFloor({ dataDir, pipeline, sizes, env: secretsOf(source) });
  const overwritten = watchLake(dataDir);
  try {
    const finished = floor.finish();
    const { pid, key } = await floor.holder(floor.pids(pool));
    while (source.ledger().requests.length < pagesBefore) await sleep(5);
    await sleep(200); // it has begun by now, and is far from done
    process.kill(pid, 'SIGSTOP');
    const stoppedAt = performance.now();
    const asked = source.ledger().requests.length;
    await floor.holder(floor.pids(pool).filter((each) => each !== pid));
    const takenOver = seconds(stoppedAt);
    await finished;
    const ended = seconds(stoppedAt);
    await sleep(Math.max(0, stalledMs - (performance.now() - stoppedAt)));
    process.kill(pid, 'SIGCONT');
    const told = await untilGivenBack(floor.told);
    await floor.stop();
    const requests = source.ledger().requests.length - asked;
    return { ...(await figures(dataDir)), key, overwritten: overwritten(), takenOver, ended, told, requests };
  } finally {
    overwritten();
    await floor.stop();
  }
}

/** A worker that cannot go on with its step says that it, or somebody, will try again. */
async function untilGivenBack(told: () => Promise<readonly WorkEvent[]>): Promise<readonly WorkEvent[]> {
  for (let tries = 0; tries < 300; tries += 1) {
    const events = await told();
    if (events.some(({ type }) => type === 'retrying')) return events;
    await sleep(100);
  }
  throw new Error('the worker that was stopped did not end its step within half a minute');
}

/** Stops the one warehouse worker of a real run in the middle of its first step. */
async function stallWarehouse() {
  const dataDir = await folder();
  const source = await double(0);
  const { child, ended: end } = start(usajobsRun(source, dataDir, ...settings), secretsOf(source));
  child.once('exit', () => redis.disconnect());
  while (workersOf(dataDir, 'warehouse').length === 0) await sleep(20);
  const redis = new Redis(socketPath(join(dataDir, 'redis'), 'redis.sock'), { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  const [first = 0] = workersOf(dataDir, 'warehouse');
  const { key } = await holder(redis, [first]);
  process.kill(first, 'SIGSTOP');
  const stoppedAt = performance.now();
  const overwritten = watchLake(dataDir);
  let next: number | undefined;
  while (next === undefined) {
    await sleep(50);
    next = workersOf(dataDir, 'warehouse').find((pid) => pid !== first);
  }
  await holder(redis, [next]);
  const takenOver = seconds(stoppedAt);
  const { code, stderr } = await end;
  const ended = seconds(stoppedAt);
  return { ...(await figures(dataDir)), key, overwritten: overwritten(), takenOver, ended, code, stderr };
}

/** They mostly wait, so they wait together. */
const scenarios = {
  extract: () => stallOneOfTwo('extract', 500),
  clean: () => stallOneOfTwo('clean', 0),
  warehouse: stallWarehouse,
};
type Outcomes = { [Name in keyof typeof scenarios]: Awaited<ReturnType<(typeof scenarios)[Name]>> };
let undisturbed: Figures;
let outcomes: { [Name in keyof Outcomes]: Promise<Outcomes[Name]> };

const unknown = process.platform === 'linux' ? undefined : 'finds worker processes in /proc';

beforeAll(async () => {
  if (unknown) return;
  undisturbed = await runUndisturbed();
  outcomes = { extract: scenarios.extract(), clean: scenarios.clean(), warehouse: scenarios.warehouse() };
  for (const outcome of Object.values(outcomes)) outcome.catch(() => undefined);
});

afterAll(async () => {
  await Promise.all(doubles.map((each) => each.close()));
  for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
});

/** One manifest for each piece of work, each ledger and each row as without the stop, and nothing written twice. */
function expectUndisturbed({ ledgers, rows, manifests, overwritten }: Stalled): void {
  const work = manifests.map(({ dataset, stage, part }) => `${dataset} ${stage} ${part}`);
  expect(work).toHaveLength(new Set(work).size);
  expect({ ledgers, rows }).toEqual(undisturbed);
  expect(overwritten).toEqual([]);
}

const tell = (who: string, { takenOver, ended }: Stalled): void =>
  console.log(`${who} stopped for ${stalledMs / 1000} s: taken over after ${takenOver} s, run ended after ${ended} s`);

test.skipIf(unknown).for(['extract', 'clean'] as const)(
  'of two %s workers one is stopped at its step: the other does it, and the stopped one publishes nothing',
  { timeout: 180_000 },
  async (pool) => {
    const outcome = await outcomes[pool];
    tell(`one of two ${pool} workers`, outcome);
    expectUndisturbed(outcome);
    const of = (type: WorkEvent['type']) => outcome.told.filter((event) => event.type === type);
    const published = of('published').filter((event) => 'manifest' in event && event.manifest.key === outcome.key);
    expect(published).toHaveLength(1);
    expect(of('retrying')).toMatchObject([{ message: expect.stringContaining('lease') }]);
    expect(of('failed')).toEqual([]);
    // The page that was under way when the worker stopped, and the one it had asked for ahead, are asked for again.
    if (pool === 'extract') expect(outcome.requests).toBeLessThanOrEqual(postings / pageSize - pagesBefore + 2);
  },
);

test.skipIf(unknown)(
  'the warehouse worker of a run is stopped: the pool replaces it and the tables are right',
  {
    timeout: 180_000,
  },
  async () => {
    const outcome = await outcomes.warehouse;
    tell('the warehouse worker', outcome);
    expect(outcome.code, outcome.stderr).toBe(3); // a check of the example warns
    expect(outcome.stderr).toContain('a warehouse worker has been silent for 20 s and is ended');
    expectUndisturbed(outcome);
  },
);
