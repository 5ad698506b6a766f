import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import { hasEnded, reconcileRun } from '../../src/controller/runs.ts';
import { cacheFolder } from '../../src/controller/standalone/folders.ts';
import { provideRedis } from '../../src/controller/standalone/redis.ts';
import type { World } from '../../src/controller/world.ts';
import { connect } from '../../src/queue/connection.ts';
import type { WorkEvent } from '../../src/queue/events.ts';
import { type PoolName, redisKeys } from '../../src/queue/names.ts';
import { openWaves } from '../../src/queue/waves.ts';
import type { ServeMessage, WorkerConfig } from '../../src/workers/config.ts';
import { root } from '../e2e/harness.ts';

const namespace = 'default';

/** A process that is at a step. */
export interface Holder {
  readonly pid: number;
  /** Key of the step. */
  readonly key: string;
}

/** Redis, worker processes and a reconciler without a pool around them, so that nobody ends a worker that is stopped. */
export interface Floor {
  /** Process ids of a pool's workers. */
  pids(pool: PoolName): readonly number[];
  /** Waits until one of these processes has a step's lease. */
  holder(pids: readonly number[]): Promise<Holder>;
  /** All that workers told so far. */
  told(): Promise<readonly WorkEvent[]>;
  /** Reconciles the run until it has ended. */
  finish(): Promise<PipelineRun>;
  stop(): Promise<void>;
}

export interface FloorOptions {
  readonly dataDir: string;
  readonly pipeline: Pipeline;
  /** Worker processes of each pool. */
  readonly sizes: Readonly<Record<PoolName, number>>;
  readonly env: NodeJS.ProcessEnv;
}

export async function openFloor({ dataDir, pipeline, sizes, env }: FloorOptions): Promise<Floor> {
  const log = pino({ level: 'silent' });
  const handle = await provideRedis({ dataDir, cacheDir: cacheFolder(), log, signal: AbortSignal.timeout(120_000) });
  const redis = connect(handle.connection);
  const waves = openWaves(redis, namespace);
  const name = pipeline.metadata.name;
  const serve: ServeMessage = { type: 'serve', pipelines: [{ name, filesRoot: dataDir }] };
  const config = {
    ...{ namespace, redis: handle.connection, lake: join(dataDir, 'lake'), allowPrivateNetworks: true },
    ...{ warehouse: join(dataDir, 'warehouse.duckdb'), scratch: join(dataDir, 'scratch'), concurrency: 2 },
  };
  const workers = (Object.entries(sizes) as [PoolName, number][]).flatMap(([pool, size]) =>
    Array.from({ length: size }, () => ({ pool, child: startWorker({ ...config, pool }, env, serve) })),
  );
  let run = newRun(name);
  const world: World = {
    ...{ namespace, waves, installation: 'here', warehouse: () => 'w', now: () => new Date() },
    pipeline: async () => pipeline,
    run: async () => run,
    writeRunStatus: async (_, status) => {
      run = { ...run, status };
    },
  };
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await Promise.all(workers.map(({ child }) => endWorker(child)));
    await waves.close();
    redis.disconnect();
    await handle.stop();
  };
  return {
    pids: (wanted) => workers.flatMap(({ pool, child }) => (pool === wanted && child.pid ? [child.pid] : [])),
    holder: (pids) => holder(redis, pids),
    told: async () =>
      (await redis.xrange(redisKeys.events(namespace), '-', '+')).map(
        ([, fields]) => JSON.parse(fields[1] ?? '{}') as WorkEvent,
      ),
    finish: async () => {
      while (!hasEnded(run)) {
        await reconcileRun(world, run.metadata.name);
        await sleep(100);
      }
      return run;
    },
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** A worker process that serves some pipelines once it is ready. */
export function startWorker(config: WorkerConfig, env: NodeJS.ProcessEnv, serve: ServeMessage): ChildProcess {
  const child = fork(join(root, 'src', 'workers', 'main.ts'), {
    env: { PATH: process.env.PATH, LOG_LEVEL: 'error', ...env, JOBPULSE_WORKER: JSON.stringify(config) },
    execPath: join(root, 'node_modules', '.bin', 'node'),
    execArgv: [],
  });
  child.once('message', () => child.send(serve)); // it is ready
  return child;
}

export async function endWorker(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

export const newRun = (pipeline: string): PipelineRun =>
  ({
    metadata: { name: `${pipeline}-1` },
    spec: {
      pipelineRef: { name: pipeline },
      datasets: [],
      from: 'Extract',
      params: [],
      state: 'Run',
      priority: 'Normal',
    },
  }) as unknown as PipelineRun;

/** Waits until one of these processes has a step's lease: workers sign with host, process id and start. */
export async function holder(redis: Redis, pids: readonly number[]): Promise<Holder> {
  const prefix = redisKeys.stepLease(namespace, '');
  for (;;) {
    for (const name of await redis.keys(`${prefix}*`)) {
      const owner = (await redis.get(name)) ?? '';
      const pid = Number(owner.slice(hostname().length + 1).split('.')[0]);
      if (pids.includes(pid)) return { pid, key: name.slice(prefix.length) };
    }
    await sleep(2);
  }
}

/** Process ids of the worker processes of a data directory's pool. Linux only. */
export const workersOf = (dataDir: string, pool: PoolName): readonly number[] =>
  processes().flatMap(({ pid, environment }) => {
    const text = environment.find((entry) => entry.startsWith('JOBPULSE_WORKER='))?.slice('JOBPULSE_WORKER='.length);
    const config = JSON.parse(text ?? '{}') as Partial<WorkerConfig>;
    return config.pool === pool && config.lake === join(dataDir, 'lake') ? [pid] : [];
  });

function processes(): { readonly pid: number; readonly environment: readonly string[] }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return [{ pid: Number(name), environment: readFileSync(`/proc/${name}/environ`, 'utf8').split('\0') }];
      } catch {
        return []; // it has ended, or belongs to somebody else
      }
    });
}
