import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { expect, onTestFinished, test } from 'vitest';
import { loadManifest } from '../../src/cli/manifest.ts';
import { listBusy } from '../../src/queue/busy.ts';
import { connect } from '../../src/queue/connection.ts';
import { type PoolName, prefixOf } from '../../src/queue/names.ts';
import type { PlanPayload } from '../../src/queue/payload.ts';
import { openWaves } from '../../src/queue/waves.ts';
import type { WorkerConfig } from '../../src/workers/config.ts';
import { openHealth } from '../../src/workers/health.ts';
import { podOf, workerName } from '../../src/workers/name.ts';
import { root, temporaryFolder, usajobsManifest } from '../e2e/harness.ts';
import { freePort, startTcpRedis } from '../servers/redis.ts';
import { startUsajobs } from '../servers/usajobs/double.ts';

const namespace = 'harbour';
const password = 'made-up-password';

async function until(condition: () => boolean | Promise<boolean>, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so after ${patienceMs} ms: ${condition}`);
    await sleep(50);
  }
}

interface PodProcess {
  readonly child: ChildProcess;
  /** All it wrote to standard error. */
  readonly said: Promise<string>;
  ask(path: string): Promise<{ readonly status: number; readonly text: string }>;
}

/** Starts what the container of a worker starts, with what its volumes would hold in a folder. */
async function startPod(folder: string, pool: PoolName, more: Partial<WorkerConfig> = {}): Promise<PodProcess> {
  const config: WorkerConfig = {
    ...{ pool, namespace, concurrency: 1, allowPrivateNetworks: true, graceSeconds: 1 },
    pipelines: [{ name: 'usajobs', filesRoot: folder }],
    redis: { urlFile: join(folder, 'redis-url') },
    ...{ lake: join(folder, 'lake'), warehouse: join(folder, 'warehouse.duckdb'), scratch: join(folder, 'scratch') },
    ...{ secretsDir: join(folder, 'secrets'), ...more },
  };
  const port = await freePort();
  const child = spawn(join(root, 'bin', 'jobpulse'), ['worker'], {
    env: {
      ...{ PATH: process.env.PATH, HOME: process.env.HOME, POD_NAME: `usajobs-${pool}-7d4b9-x2x4z` },
      ...{ JOBPULSE_WORKER: JSON.stringify(config), JOBPULSE_HEALTH_PORT: String(port), LOG_LEVEL: 'trace' },
    },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  });
  return {
    child,
    said: text(child.stderr),
    ask: async (path) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
      return { status: response?.status ?? 0, text: (await response?.text()) ?? '' };
    },
  };
}

const isReady = (pod: PodProcess) => async () => (await pod.ask('/readyz')).status === 200;

test('a worker in a pod: serves from its config, shows its health, gives a long step back at SIGTERM', async () => {
  const folder = temporaryFolder();
  const [redis, double] = [await startTcpRedis(['--requirepass', password]), await startUsajobs({ latencyMs: 20_000 })];
  const url = `redis://:${password}@127.0.0.1:${redis.port}`;
  const commands = connect({ url });
  const waves = openWaves(commands, namespace);
  const queue = new Queue('usajobs.extract', { connection: commands, prefix: prefixOf(namespace) });
  onTestFinished(async () => {
    await Promise.all([waves.close(), queue.close(), double.close()]);
    commands.disconnect();
    await redis.stop();
  });
  mkdirSync(join(folder, 'secrets', 'usajobs'), { recursive: true });
  writeFileSync(join(folder, 'redis-url'), `${url}\n`);
  writeFileSync(join(folder, 'secrets', 'usajobs', 'api-key'), double.key);
  writeFileSync(join(folder, 'secrets', 'usajobs', 'user-agent'), double.agent);

  const [clean, extract] = await Promise.all([startPod(folder, 'clean'), startPod(folder, 'extract')]);
  await until(isReady(clean));
  await until(isReady(extract));
  const { pipeline } = await loadManifest(usajobsManifest, [['spec.datasets[0].extract.rest.baseUrl', double.url]]);
  const asOf = new Date().toISOString();
  const payload: PlanPayload = {
    ...{ v: 1, params: [], pipeline, installation: 'here', warehouse: 'w', failures: [], startedAt: asOf },
    run: { name: 'one', asOf, from: 'Extract' },
    notAfter: new Date(Date.now() + 3600_000).toISOString(),
  };
  await waves.add('usajobs', 0, payload, []);
  await until(async () => (await waves.look('usajobs', 'one', 0)).state === 'planned');
  const planned = await waves.look('usajobs', 'one', 0);
  await waves.add('usajobs', 1, payload, planned.state === 'planned' ? planned.result.steps : []);

  await until(async () => (await listBusy(commands, namespace, 'extract')).length === 1);
  expect((await listBusy(commands, namespace, 'extract')).map(podOf)).toEqual(['usajobs-extract-7d4b9-x2x4z']);
  expect(await extract.ask('/livez')).toEqual({ status: 200, text: 'ok\n' });
  expect((await extract.ask('/metrics')).text).toContain('jobpulse_worker_busy');

  const toldAt = performance.now();
  extract.child.kill('SIGTERM');
  await until(async () => (await extract.ask('/readyz')).status === 503, 5_000);
  expect((await extract.ask('/livez')).status).toBe(200);
  expect(await once(extract.child, 'exit')).toEqual([0, null]);
  expect(performance.now() - toldAt).toBeLessThan(20_000);
  const [job] = await queue.getJobs(['waiting', 'delayed', 'prioritized']);
  expect({ attempts: job?.attemptsMade, failed: await queue.getFailedCount() }).toEqual({ attempts: 0, failed: 0 });

  // Without Redis a worker is not ready, and its end waits for nothing.
  await redis.stop();
  await until(async () => (await clean.ask('/readyz')).status === 503);
  clean.child.kill('SIGTERM');
  expect(await once(clean.child, 'exit')).toEqual([0, null]);
  expect(await Promise.all([clean.said, extract.said])).not.toContainEqual(expect.stringContaining(password));
}, 90_000);

test('a config that cannot be used is said in one line', async () => {
  const { child, said } = await startPod(temporaryFolder(), 'clean');
  expect(await once(child, 'exit')).toEqual([2, null]);
  expect(await said).toMatch(/^jobpulse worker: ENOENT.*redis-url'\n$/);
});

test('a worker is dead when Redis has been silent for long or a queue is not served, not while it ends', async () => {
  let [now, answers, serving, ending] = [0, true, true, false];
  const redis = {
    status: 'ready' as const,
    ping: () => (answers ? Promise.resolve('PONG' as const) : Promise.reject()),
  };
  const { beat, live, ready } = openHealth({
    ...{ redis, now: () => now, isServing: () => serving, isEnding: () => ending },
  });
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 2) {
      now += 2_000;
      beat();
      await sleep(0);
    }
  };
  await pass(600);
  expect([live(), ready()]).toEqual([undefined, undefined]);
  answers = false;
  await pass(10);
  expect(live()).toBeUndefined();
  await pass(20);
  expect(live()).toBe('Redis has not answered for 30 s');
  answers = true;
  await pass(2);
  expect(live()).toBeUndefined();
  serving = false;
  expect([live(), ready()]).toEqual(['a queue is not served any more', 'a queue is not served any more']);
  ending = true;
  expect([live(), ready()]).toEqual([undefined, 'the worker is about to end']);
});

test('the pod of a worker, also when its name has dots', () => {
  for (const pod of ['usajobs-clean-7d4b9-x2x4z', 'machine.example', '10.0.0.1']) {
    expect(podOf(workerName(pod, 17, 1_790_000_000_000))).toBe(pod);
  }
});
