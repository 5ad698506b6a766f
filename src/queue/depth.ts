import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { prefixOf, type QueueStage, queueName, queueStages } from './names.ts';

/** What is in one queue of a pipeline. */
export interface QueueDepth {
  readonly namespace: string;
  readonly pipeline: string;
  readonly stage: QueueStage;
  readonly jobs: Readonly<Record<'waiting' | 'prioritized' | 'delayed' | 'active' | 'failed', number>>;
  /** How long ago the job that is next was added; 0 when none waits. */
  readonly oldestSeconds: number;
}

/** Metrics are worth no longer wait than this. */
const patienceMs = 2_000;
/** Queues asked about in one message. */
const batch = 256;

/**
 * What is in the queues of pipelines, read in a few messages whatever their number. Rejects when Redis is away or does
 * not answer soon.
 */
export async function readDepths(
  redis: Redis,
  namespace: string,
  pipelines: readonly string[],
  now: number,
): Promise<readonly QueueDepth[]> {
  if (redis.status !== 'ready') throw new Error('Redis is away');
  const queues = pipelines.flatMap((pipeline) => queueStages.map((stage) => ({ namespace, pipeline, stage })));
  const late = sleep(patienceMs, undefined, { ref: false }).then(() => Promise.reject(new Error('Redis is slow')));
  late.catch(() => undefined); // it comes to its end also when nobody waits for it any more
  const depths: QueueDepth[] = [];
  for (let from = 0; from < queues.length; from += batch) {
    depths.push(...(await Promise.race([readBatch(redis, queues.slice(from, from + batch), now), late])));
  }
  return depths;
}

type QueueId = Pick<QueueDepth, 'namespace' | 'pipeline' | 'stage'>;

/** By where BullMQ keeps jobs: lists of those that wait (taken from the right) or are active, sorted sets of the others. */
async function readBatch(redis: Redis, queues: readonly QueueId[], now: number): Promise<readonly QueueDepth[]> {
  const counts = redis.pipeline();
  for (const queue of queues) {
    const key = keyOf(queue);
    counts.llen(key('wait')).zcard(key('prioritized')).zcard(key('delayed')).llen(key('active')).zcard(key('failed'));
    counts.lindex(key('wait'), -1).zrange(key('prioritized'), '0', '0');
  }
  const answers = values(await counts.exec());
  const next = queues.map((queue, i) => {
    const [wait, prioritized] = answers.slice(i * answersPerQueue + 5, (i + 1) * answersPerQueue);
    return { queue, ids: [wait, ...(Array.isArray(prioritized) ? prioritized : [])].filter(isText) };
  });
  const since = await readTimes(redis, next);
  return queues.map((queue, i) => {
    const [waiting, prioritized, delayed, active, failed] = answers.slice(i * answersPerQueue).map(Number);
    const jobs = { waiting, prioritized, delayed, active, failed } as QueueDepth['jobs'];
    const oldest = Math.min(now, ...(since[i] ?? []));
    return { ...queue, jobs, oldestSeconds: (now - oldest) / 1000 };
  });
}

const answersPerQueue = 7;

/** When the jobs that are next were added, queue by queue. */
async function readTimes(
  redis: Redis,
  next: readonly { readonly queue: QueueId; readonly ids: readonly string[] }[],
): Promise<readonly number[][]> {
  const asked = redis.pipeline();
  for (const { queue, ids } of next) for (const id of ids) asked.hget(keyOf(queue)(id), 'timestamp');
  const times = asked.length === 0 ? [] : values(await asked.exec());
  let read = 0;
  return next.map(({ ids }) => {
    const own = times.slice(read, read + ids.length);
    read += ids.length;
    return own.filter(isText).map(Number); // a job may be gone by now
  });
}

const isText = (value: unknown): value is string => typeof value === 'string';

const keyOf =
  ({ namespace, pipeline, stage }: QueueId) =>
  (suffix: string): string =>
    `${prefixOf(namespace)}:${queueName(pipeline, stage)}:${suffix}`;

function values(answers: readonly [error: Error | null, value: unknown][] | null): readonly unknown[] {
  return (answers ?? []).map(([error, value]) => {
    if (error) throw error;
    return value;
  });
}
