import type { LakePlace } from '../connectors/stores/open.ts';
import type { RedisAddress } from '../queue/connection.ts';
import type { PoolName } from '../queue/names.ts';

/** How a worker process learns what it is: JSON in `JOBPULSE_WORKER`. Holds no secret. */
export interface WorkerConfig {
  readonly pool: PoolName;
  readonly namespace: string;
  readonly redis: RedisAddress | RedisUrlFile;
  readonly lake: LakePlace;
  /** File of the embedded warehouse (pool `warehouse`); absent where all its steps go to servers. */
  readonly warehouse?: string;
  readonly scratch: string;
  readonly secretsDir?: string;
  readonly allowPrivateNetworks: boolean;
  /** Steps of one queue at a time. */
  readonly concurrency: number;
  /** Pipelines it serves from its start, without being told over IPC. */
  readonly pipelines?: ServeMessage['pipelines'];
  /** How long running steps may take to end when everything ends; then their jobs go back. Default: 20. */
  readonly graceSeconds?: number;
}

/** A file with the URL of Redis, which holds a password. It is read when the process starts. */
export interface RedisUrlFile {
  readonly urlFile: string;
}

/** A worker's config once it knows where Redis is. */
export type ConnectedConfig = WorkerConfig & { readonly redis: RedisAddress };

/** What a worker is told over its IPC channel. */
export type ToWorker = ServeMessage | RetireMessage;

/** End when the steps under way have ended, however long they take. */
export interface RetireMessage {
  readonly type: 'retire';
}

/** What a worker tells: that it can be told things, and under which name others see it; that it lives. */
export type FromWorker = { readonly type: 'ready'; readonly name: string } | { readonly type: 'beat' };

/** Pipelines a worker serves from now on. */
export interface ServeMessage {
  readonly type: 'serve';
  readonly pipelines: readonly { readonly name: string; readonly filesRoot: string }[];
}
