import type { StageName } from '../run/types.ts';

/** The four queues of a pipeline. */
export const queueStages = ['extract', 'clean', 'load', 'transform'] as const;
export type QueueStage = (typeof queueStages)[number];

/** Worker pools and the queues each one serves; load and transform share the one process that may own the warehouse. */
export const pools = {
  extract: ['extract'],
  clean: ['clean'],
  warehouse: ['load', 'transform'],
} as const satisfies Record<string, readonly QueueStage[]>;
export type PoolName = keyof typeof pools;
export const poolNames = Object.keys(pools) as readonly PoolName[];

/** Which queue carries a stage's steps. Planning, compacting and sweeping need nothing but the lake, as cleaning does. */
export const queueOf: Readonly<Record<StageName | 'Plan', QueueStage>> = {
  Extract: 'extract',
  Clean: 'clean',
  Load: 'load',
  Transform: 'transform',
  Compact: 'clean',
  Sweep: 'clean',
  Plan: 'clean',
};

/** Every Redis key of a namespace begins with this; the braces keep a namespace in one slot of a Redis Cluster. */
export const prefixOf = (namespace: string): string => `{jp:${namespace}}`;

export const queueName = (pipeline: string, stage: QueueStage): string => `${pipeline}.${stage}`;

/** Where BullMQ keeps what belongs to a queue; a job is a hash below it. */
export const queueKey = (namespace: string, queue: string): string => `${prefixOf(namespace)}:${queue}`;

/** All other keys of ours, in one place: each has an expiry or a bound. */
export const redisKeys = {
  /** Who works on a step; expires `leaseMs` after the last renewal. */
  stepLease: (namespace: string, key: string) => `${prefixOf(namespace)}:lease:step:${key}`,
  /** The fencing counter of all leases of the namespace: one integer. */
  fence: (namespace: string) => `${prefixOf(namespace)}:fence`,
  /** When requests to a source were answered lately, at most 1,000; expires when they no longer matter. */
  rateLease: (namespace: string, key: string) => `${prefixOf(namespace)}:lease:rate:${key}`,
  /** Requests to a source that are under way, at most as many as it allows; ten seconds after the last renewal. */
  slotLease: (namespace: string, key: string) => `${prefixOf(namespace)}:lease:slot:${key}`,
  /** What pipelines declare a source's limits to be; ten minutes after the last request. */
  limitDeclared: (namespace: string, key: string) => `${prefixOf(namespace)}:lease:declared:${key}`,
  /** Since when the leases of sources are remembered: one integer. Missing: Redis was wiped, or is new. */
  limitsSince: (namespace: string) => `${prefixOf(namespace)}:lease:since`,
  /** What workers did; a stream of about 10,000 entries. */
  events: (namespace: string) => `${prefixOf(namespace)}:events`,
  /** Written once a second to see that Redis takes what it is given; expires in ten seconds. */
  probe: (namespace: string) => `${prefixOf(namespace)}:probe`,
  /** The greatest epoch of a controller that has written here: one integer. Missing: Redis was wiped, or is new. */
  epoch: (namespace: string) => `${prefixOf(namespace)}:epoch`,
  /** Jobs of a run that were under way when the rest of it was removed, at most as many as there are slots; a day. */
  left: (namespace: string, run: string) => `${prefixOf(namespace)}:left:${run}`,
  /** Which server steps of a run wait for, in a word; expires when none has told of it lately. */
  away: (namespace: string, run: string) => `${prefixOf(namespace)}:away:${run}`,
  /** Workers of a pool that have steps under way, each with the time until which it counts; expires with the last. */
  busy: (namespace: string, pool: PoolName) => `${prefixOf(namespace)}:busy:${pool}`,
};

/** The id of a step's job; also the id of a wave's plan when no key is given. */
export const jobId = (run: string, wave: number, key?: string): string =>
  key === undefined ? `${run}.${wave}` : `${run}.${wave}.${key}`;
