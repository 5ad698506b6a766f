import { availableParallelism } from 'node:os';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { WorkEvent } from '../../queue/events.ts';
import { openLoads } from '../../queue/load.ts';
import { type PoolName, poolNames } from '../../queue/names.ts';
import type { TerminalError } from '../../run/errors.ts';
import type { ServeMessage, WorkerConfig } from '../../workers/config.ts';
import { workerProgram } from '../../workers/program.ts';
import type { ExplainedDecision, ScalingPolicy } from '../autoscaler/autoscaler.ts';
import type { SeenPool } from '../status/seen.ts';
import { type Pool, startPool } from './processes.ts';
import { startScaler } from './scale.ts';

const common = { min: 0, targetSeconds: 2, stepSize: 8, stabilisationSeconds: 10, cooldownSeconds: 300 };

/**
 * How the pools of one machine are scaled. Each begins with one worker, so that a run need not wait for it.
 * Downloads wait for their sources, whose limits hold over all workers. Cleaning fills a core.
 * The embedded warehouse has one owner, who takes one step at a time.
 */
const policies: Readonly<Record<PoolName, ScalingPolicy>> = {
  extract: { ...common, concurrency: 4, max: 4 },
  clean: { ...common, concurrency: 2, max: availableParallelism() },
  warehouse: { ...common, concurrency: 1, max: 1 },
};

/** How long running steps may take to end when the controller stops. */
const graceMs = 25_000;

export interface WorkersOptions extends Omit<WorkerConfig, 'pool' | 'concurrency'> {
  readonly log: Logger;
  /** A connection for questions about the queues. */
  readonly commands: Redis;
  /** Milliseconds since 1970; time as the autoscaler sees it. */
  readonly now: () => number;
  readonly onGivenUp: (error: TerminalError) => void;
}

/** The worker processes of a data directory, as many as there is work for. */
export interface Workers {
  /** Makes all pools serve a pipeline from now on. */
  serve(pipeline: ServeMessage['pipelines'][number]): void;
  /** Takes notice of what a worker told: there may be more or less to do. */
  observe(event: WorkEvent | undefined): void;
  /** The pools as they are, with the last decision about the size of each. */
  pools(): Readonly<Record<PoolName, SeenPool>>;
  stop(): Promise<void>;
}

export function startWorkers({ log, commands, now, onGivenUp, ...config }: WorkersOptions): Workers {
  const served = new Map<string, ServeMessage['pipelines'][number]>();
  const message = (): ServeMessage => ({ type: 'serve', pipelines: [...served.values()] });
  const pools = poolNames.map((name) => ({
    name,
    policy: policies[name],
    pool: startPool({
      name,
      size: 1,
      command: [process.execPath, workerProgram],
      // What a worker warns of is told as an event too; a person need not read it twice.
      env: { LOG_LEVEL: 'error', ...process.env, JOBPULSE_WORKER: JSON.stringify(workerConfig(name, config)) },
      log,
      onReady: (worker) => worker.send(message()),
      onGivenUp,
    }),
  }));
  const loads = openLoads(commands, config.namespace);
  const scaler = startScaler({ pools, pipelines: () => [...served.keys()], loads, now, log });
  return {
    serve(pipeline) {
      served.set(pipeline.name, pipeline);
      for (const { pool } of pools) pool.send(message());
    },
    observe: scaler.observe,
    pools: () => {
      const seen = pools.map(({ name, pool }) => [name, seenPool(pool, scaler.decisions().get(name))]);
      return Object.fromEntries(seen) as Record<PoolName, SeenPool>;
    },
    stop: async () => {
      scaler.stop();
      await Promise.all(pools.map(({ pool }) => pool.stop(graceMs)));
    },
  };
}

function seenPool(pool: Pool, decision: ExplainedDecision | undefined): SeenPool {
  const replicas = pool.size();
  // Workers that are about to end are still there.
  const ready = Math.min(pool.pids().length, replicas);
  return { replicas, ready, provider: 'Internal', ...(decision && { decision }) };
}

const workerConfig = (pool: PoolName, config: Omit<WorkerConfig, 'pool' | 'concurrency'>): WorkerConfig => ({
  ...config,
  pool,
  concurrency: policies[pool].concurrency,
});
