import type { RedisAddress } from '../queue/connection.ts';
import type { PoolName } from '../queue/names.ts';

/** How a worker process learns what it is: JSON in `JOBPULSE_WORKER`. Holds no secret. */
export interface WorkerConfig {
  readonly pool: PoolName;
  readonly namespace: string;
  readonly redis: RedisAddress;
  /** Folder of the filesystem lake. */
  readonly lake: string;
  /** File of the embedded warehouse (pool `warehouse`). */
  readonly warehouse: string;
  readonly scratch: string;
  readonly secretsDir?: string;
  readonly allowPrivateNetworks: boolean;
  /** Steps of one queue at a time. */
  readonly concurrency: number;
}

/** Sent to a worker over its IPC channel: pipelines it serves from now on. */
export interface ServeMessage {
  readonly type: 'serve';
  readonly pipelines: readonly { readonly name: string; readonly filesRoot: string }[];
}
