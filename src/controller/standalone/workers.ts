import { join } from 'node:path';
import type { Logger } from 'pino';
import { type PoolName, poolNames } from '../../queue/names.ts';
import type { TerminalError } from '../../run/errors.ts';
import type { ServeMessage, WorkerConfig } from '../../workers/config.ts';
import { startPool } from './processes.ts';

/** Steps of one queue at a time in one process. Downloads wait, cleaning fills a core, a warehouse takes one at a time. */
const concurrency: Readonly<Record<PoolName, number>> = { extract: 4, clean: 2, warehouse: 1 };

/** How long running steps may take to end when the controller stops. */
const graceMs = 25_000;

export interface WorkersOptions extends Omit<WorkerConfig, 'pool' | 'concurrency'> {
  readonly log: Logger;
  readonly onGivenUp: (error: TerminalError) => void;
}

/** The worker processes of a data directory: one per pool. */
export interface Workers {
  /** Makes all pools serve a pipeline from now on. */
  serve(pipeline: ServeMessage['pipelines'][number]): void;
  stop(): Promise<void>;
}

export function startWorkers({ log, onGivenUp, ...config }: WorkersOptions): Workers {
  const served = new Map<string, ServeMessage['pipelines'][number]>();
  const message = (): ServeMessage => ({ type: 'serve', pipelines: [...served.values()] });
  const pools = poolNames.map((name) =>
    startPool({
      name,
      size: 1,
      command: [process.execPath, join(import.meta.dirname, '..', '..', 'workers', 'main.ts')],
      // What a worker warns of is told as an event too; a person need not read it twice.
      env: { LOG_LEVEL: 'error', ...process.env, JOBPULSE_WORKER: JSON.stringify(workerConfig(name, config)) },
      log,
      onReady: (worker) => worker.send(message()),
      onGivenUp,
    }),
  );
  return {
    serve(pipeline) {
      served.set(pipeline.name, pipeline);
      for (const pool of pools) pool.send(message());
    },
    stop: async () => {
      await Promise.all(pools.map((pool) => pool.stop(graceMs)));
    },
  };
}

const workerConfig = (pool: PoolName, config: Omit<WorkerConfig, 'pool' | 'concurrency'>): WorkerConfig => ({
  ...config,
  pool,
  concurrency: concurrency[pool],
});
