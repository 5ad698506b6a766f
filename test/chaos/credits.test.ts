import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { type Pipeline, type PipelineRun, parsePipeline } from '../../src/api/index.ts';
import { hasEnded, reconcileRun } from '../../src/controller/runs.ts';
import type { World } from '../../src/controller/world.ts';
import { connect } from '../../src/queue/connection.ts';
import type { PoolName } from '../../src/queue/names.ts';
import { openWaves } from '../../src/queue/waves.ts';
import type { WorkerConfig } from '../../src/workers/config.ts';
import { root } from '../e2e/harness.ts';
import { type CoresignalDouble, startCoresignal } from '../servers/coresignal/double.ts';
import { startTcpRedis } from '../servers/redis.ts';
import { endWorker, newRun, startWorker } from './workers.ts';

const namespace = 'default';
const perSecond = 5;
const sizes: Readonly<Record<PoolName, number>> = { extract: 8, clean: 2, warehouse: 1 };
const postings = 40;
const killEveryMs = 4_000;
/** Then they are left alone: what a killed worker held comes back after ten seconds. */
const mostKills = 6;
/** Requests that may be under way in all workers: `limits.concurrency` of the example. */
const concurrency = 4;

/** The example under another name, at the double, with a budget of its own. */
function pipelineOf(name: string, { url }: CoresignalDouble, budget: number): Pipeline {
  const text = readFileSync(join(root, 'examples', 'coresignal', 'pipeline.yaml'), 'utf8')
    .replace('name: coresignal\n', `name: ${name}\n`)
    .replaceAll('https://api.coresignal.com', url)
    .replace('chunk: 50', 'chunk: 5')
    .replace('budget: 500', `budget: ${budget}`);
  const parsed = parsePipeline(text, name);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.pipeline;
}

/** Workers of all pools; one that is killed is replaced. */
function openCrew(config: Omit<WorkerConfig, 'pool'>, pipelines: readonly string[], key: string) {
  const serve = {
    type: 'serve',
    pipelines: pipelines.map((name) => ({ name, filesRoot: config.scratch })),
  } as const;
  const start = (pool: PoolName) => startWorker({ ...config, pool }, { CORESIGNAL_API_KEY: key }, serve);
  const members = (Object.entries(sizes) as [PoolName, number][]).flatMap(([pool, size]) =>
    Array.from({ length: size }, () => ({ pool, child: start(pool) })),
  );
  let kills = 0;
  return {
    kills: () => kills,
    /** Kills a worker that extracts, and starts another in its place. */
    killOne() {
      if (kills >= mostKills) return;
      const extracting = members.filter(({ pool }) => pool === 'extract');
      const member = extracting[kills % extracting.length];
      member?.child.kill('SIGKILL');
      if (member) member.child = start('extract');
      kills += 1;
    },
    stop: () => Promise.all(members.map(({ child }) => endWorker(child))),
  };
}

/** Reconciles a run of a pipeline until it has ended. */
async function finish(redis: Redis, pipeline: Pipeline): Promise<PipelineRun> {
  const waves = openWaves(redis, namespace);
  let run = newRun(pipeline.metadata.name);
  const world: World = {
    ...{ namespace, waves, installation: 'here', warehouse: 'w', now: () => new Date() },
    pipeline: async () => pipeline,
    run: async () => run,
    writeRunStatus: async (_, status) => {
      run = { ...run, status };
    },
  };
  while (!hasEnded(run)) {
    await reconcileRun(world, run.metadata.name);
    await sleep(100);
  }
  await waves.close();
  return run;
}

async function disturbed(budget: number) {
  const double = await startCoresignal({ seed: 5, postings, dirty: false, latencyMs: 30 });
  const server = await startTcpRedis([]);
  const dataDir = mkdtempSync(join(tmpdir(), 'jobpulse-credits-'));
  const connection = { url: `redis://127.0.0.1:${server.port}` };
  const redis = connect(connection);
  const pipelines = ['one', 'two'].map((name) => pipelineOf(name, double, budget));
  const config = {
    ...{ namespace, redis: connection, lake: join(dataDir, 'lake'), warehouse: join(dataDir, 'warehouse.duckdb') },
    ...{ scratch: join(dataDir, 'scratch'), allowPrivateNetworks: true, concurrency: 2 },
  };
  const crew = openCrew(config, ['one', 'two'], double.key);
  const killer = setInterval(crew.killOne, killEveryMs);
  const wiping = setTimeout(() => redis.flushall(), 15_000);
  onTestFinished(async () => {
    clearInterval(killer);
    clearTimeout(wiping);
    await crew.stop();
    redis.disconnect();
    await server.stop();
    await double.close();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });
  const runs = await Promise.all(pipelines.map((pipeline) => finish(redis, pipeline)));
  return { runs, kills: crew.kills(), ledger: double.ledger() };
}

test('8 workers that are killed, a wiped Redis, two pipelines with one key: neither rate nor budget is exceeded', async () => {
  const ideal = 2 * postings;
  const { runs, kills, ledger } = await disturbed(500);
  console.log(
    `${kills} kills: ${ledger.credits.spent} credits for ${ideal}, at most ${ledger.busiestSecond} requests in a second`,
  );
  expect(runs.map(({ status }) => status?.phase)).toEqual(['Succeeded', 'Succeeded']);
  expect(kills).toBe(mostKills);
  expect(ledger.busiestSecond).toBeLessThanOrEqual(perSecond);
  expect(ledger.throttled).toBe(0);
  expect(Object.keys(ledger.paid)).toHaveLength(postings);
  expect(ledger.credits.spent).toBeGreaterThanOrEqual(ideal);
  expect(ledger.credits.spent).toBeLessThanOrEqual(ideal + kills * concurrency);
}, 300_000);

test('a budget that two pipelines share is never exceeded, whoever is killed', async () => {
  const budget = 50;
  const { runs, kills, ledger } = await disturbed(budget);
  console.log(`${kills} kills: ${ledger.credits.spent} credits of ${budget}`);
  expect(runs.map(({ status }) => status?.phase)).toEqual(['Succeeded', 'Succeeded']);
  expect(ledger.credits.spent).toBeLessThanOrEqual(budget);
  expect(ledger.credits.spent).toBeGreaterThan(budget / 2);
  const deferred = runs
    .flatMap(({ status }) => status?.datasets ?? [])
    .reduce((sum, { deferred = 0 }) => sum + deferred, 0);
  expect(deferred).toBeGreaterThan(0);
}, 300_000);
