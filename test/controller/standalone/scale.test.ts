import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { type Pipeline, type PipelineRunSpec, parsePipeline } from '../../../src/api/index.ts';
import { loadManifest } from '../../../src/cli/manifest.ts';
import { filesystemStore, prefixed } from '../../../src/connectors/stores/filesystem.ts';
import { type Controller, startController } from '../../../src/controller/standalone/controller.ts';
import { type Pool, startPool } from '../../../src/controller/standalone/processes.ts';
import { listManifests } from '../../../src/lake/lake.ts';
import { listBusy } from '../../../src/queue/busy.ts';
import { connect } from '../../../src/queue/connection.ts';
import type { PoolName } from '../../../src/queue/names.ts';
import type { PlanPayload } from '../../../src/queue/payload.ts';
import { openWaves } from '../../../src/queue/waves.ts';
import type { ServeMessage, WorkerConfig } from '../../../src/workers/config.ts';
import { ask, root, secretsOf, temporaryFolder, usajobsManifest } from '../../e2e/harness.ts';
import { startRedis } from '../../servers/redis.ts';
import { startUsajobs } from '../../servers/usajobs/double.ts';

const log = pino({ level: 'silent' });
const workerMain = join(root, 'src', 'workers', 'main.ts');

async function until(condition: () => boolean | Promise<boolean>, patienceMs = 30_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so after ${patienceMs} ms: ${condition}`);
    await sleep(20);
  }
}

/** Worker processes that this process has. */
const workerCount = (): number =>
  execFileSync('ps', ['-A', '-o', 'ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => Number.parseInt(line, 10) === process.pid && line.includes(workerMain)).length;

/** Two hundred files: ten steps of cleaning. */
function manyFiles(folder: string): (leastPay: number) => Pipeline {
  for (let file = 0; file < 200; file += 1) {
    const lines = Array.from({ length: 300 }, (_, row) => `${file}-${row},Nurse,${row}`);
    writeFileSync(join(folder, `${file}.csv`), ['Id,Title,Pay', ...lines].join('\n'));
  }
  return (leastPay) => {
    const parsed = parsePipeline(
      `apiVersion: jobpulse.dev/v1alpha1
kind: Pipeline
metadata: {name: many}
spec:
  datasets:
    - name: openings
      key: [id]
      extract: {files: {paths: ["*.csv"]}}
      format: {csv: {}}
      clean:
        columns:
          - {name: id, type: string, from: Id, required: true}
          - {name: pay, type: "decimal(12,2)", from: Pay, min: "${leastPay}"}
      load: {mode: Merge, onMissing: Mark}
`,
      'many.yaml',
    );
    if (!parsed.ok) throw new Error('the pipeline is not valid');
    return parsed.pipeline;
  };
}

/** Runs a pipeline; tells how it ended and the most worker processes there were. */
async function run(
  controller: Controller,
  pipeline: Pipeline,
  folder: string,
  from: PipelineRunSpec['from'],
): Promise<{ phase: string | undefined; mostWorkers: number }> {
  const name = `many-${Date.now()}`;
  await controller.apply(pipeline, folder);
  await controller.resources.runs.create({
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'PipelineRun',
    metadata: { name },
    spec: {
      ...{ pipelineRef: { name: 'many' }, from, params: [], datasets: [], refresh: false, priority: 'Normal' },
      ...{ maxSharePercent: 100, state: 'Run', ttl: '30d' },
    },
    status: { asOf: new Date().toISOString() },
  });
  let ended = false;
  const end = controller
    .follow(name, () => undefined)
    .finally(() => {
      ended = true;
    });
  let mostWorkers = 0;
  while (!ended) {
    mostWorkers = Math.max(mostWorkers, workerCount());
    await sleep(50);
  }
  return { phase: (await end).status?.phase, mostWorkers };
}

test('a backlog gets more cleaning processes; they go when it is done, and the last ones after the cooldown', async () => {
  const [dataDir, folder] = [temporaryFolder(), temporaryFolder()];
  const pipeline = manyFiles(folder);
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const signal = new AbortController().signal;
  const begin = () => startController({ dataDir, log, now, allowPrivateNetworks: true, signal });
  const first = await begin();
  expect(await run(first, pipeline(0), folder, 'Extract')).toMatchObject({ phase: 'Succeeded' });
  await first.stop();

  const controller = await begin();
  onTestFinished(() => controller.stop());
  const cleaners = Math.min(3, availableParallelism()); // ten steps of a second each, in two seconds, two at a time
  const again = await run(controller, pipeline(10), folder, 'Clean');
  expect(again).toEqual({ phase: 'Succeeded', mostWorkers: 2 + cleaners });
  expect(controller.pools().clean.decision).toMatchObject({ replicas: cleaners });

  ahead += 11_000; // past the stabilisation window
  await until(() => workerCount() === 3);
  expect(controller.pools().clean.decision).toMatchObject({ replicas: 1, reason: 'CoolingDown' });
  await until(() => {
    ahead += 1_000;
    return workerCount() === 0;
  });
  for (const pool of ['extract', 'clean', 'warehouse'] as const)
    expect(controller.pools()[pool].decision).toMatchObject({ replicas: 0, reason: 'NoLoad' });
  // Nobody has the warehouse open now.
  expect(await ask(dataDir, 'SELECT count(*)::INTEGER AS rows FROM many.openings')).toEqual([{ rows: 200 * 290 }]);

  expect(await run(controller, pipeline(20), folder, 'Clean')).toMatchObject({ phase: 'Succeeded' });
}, 120_000);

test('a worker that is taken away ends its step first, however slow, and holds its place until then', async () => {
  const [redis, double, folder] = [await startRedis(), await startUsajobs({ latencyMs: 1500 }), temporaryFolder()];
  const commands = connect(redis.connection);
  const waves = openWaves(commands, 'default');
  const pools: Pool[] = [];
  onTestFinished(async () => {
    await Promise.all(pools.map((pool) => pool.stop(5_000)));
    await waves.close();
    commands.disconnect();
    await Promise.all([redis.stop(), double.close()]);
  });
  const serve: ServeMessage = { type: 'serve', pipelines: [{ name: 'usajobs', filesRoot: folder }] };
  const workers = (pool: PoolName, size: number): Pool => {
    const config: WorkerConfig = {
      ...{ pool, namespace: 'default', redis: redis.connection, lake: join(folder, 'lake'), concurrency: 1 },
      ...{ warehouse: '', scratch: join(folder, 'scratch'), allowPrivateNetworks: true },
    };
    const started = startPool({
      ...{ name: pool, size, log, command: [process.execPath, workerMain] },
      env: { ...process.env, ...secretsOf(double), JOBPULSE_WORKER: JSON.stringify(config) },
      onReady: (worker) => worker.send(serve),
      onGivenUp: (error) => {
        throw error;
      },
    });
    pools.push(started);
    return started;
  };
  const planned = async (wave: number) => {
    await until(async () => (await waves.look('usajobs', 'one', wave)).state === 'planned');
    const seen = await waves.look('usajobs', 'one', wave);
    return seen.state === 'planned' ? seen.result : expect.fail('the plan is gone');
  };
  const { pipeline } = await loadManifest(usajobsManifest, [
    ['spec.datasets[0].extract.rest.baseUrl', double.url],
    ['spec.datasets[0].extract.rest.paging.page.size', '100'],
  ]);
  const asOf = new Date().toISOString();
  const payload: PlanPayload = {
    ...{ v: 1, params: [], pipeline, installation: 'here', warehouse: 'w', failures: [], startedAt: asOf },
    run: { name: 'one', asOf, from: 'Extract' },
    notAfter: new Date(Date.now() + 3600_000).toISOString(),
  };

  workers('clean', 1); // it plans
  await waves.add('usajobs', 0, payload, []);
  const { steps } = await planned(0);
  expect(steps.map(({ step }) => step.stage)).toEqual(['Extract']);
  const pool = workers('extract', 2);
  await waves.add('usajobs', 1, payload, steps);
  await until(async () => (await listBusy(commands, 'default', 'extract')).length === 1);
  const busy = await listBusy(commands, 'default', 'extract');
  const [worker = 0] = pool.pids().filter((pid) => busy[0]?.includes(`.${pid}.`));

  pool.scale(1, busy);
  await until(() => pool.pids().length === 1);
  expect(pool.pids()).toEqual([worker]);
  pool.scale(0, busy);
  pool.scale(1, busy);
  expect(pool.pids()).toEqual([worker]);
  expect(pool.size()).toBe(0);
  expect(await waves.look('usajobs', 'one', 1)).toMatchObject({ state: 'open', steps: { running: 1 } });

  const { failures } = await planned(1);
  expect(failures).toEqual([]);
  const store = prefixed(filesystemStore(join(folder, 'lake')), 'default/usajobs');
  const manifests = await listManifests({ store, pipeline: 'default/usajobs' });
  expect(manifests.map(({ stage }) => stage)).toEqual(['Extract']);
  const asked = double.ledger().requests.map(({ page }) => page);
  expect(manifests[0]?.cost.requests).toBe(asked.length);
  expect(new Set(asked).size).toBe(asked.length); // nothing was begun twice
  await until(() => pool.pids().length === 0);
  pool.scale(1);
  expect(pool.pids()).toHaveLength(1);
}, 120_000);
