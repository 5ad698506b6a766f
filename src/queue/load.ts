import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { listBusy } from './busy.ts';
import { type PoolName, pools, prefixOf, queueName } from './names.ts';

/** What a pool of workers has before it. */
export interface PoolLoad {
  /** Jobs by where BullMQ keeps them. */
  readonly waiting: number;
  readonly prioritized: number;
  readonly active: number;
  /** Delayed jobs whose time has come. */
  readonly due: number;
  /** Names of the workers that have jobs under way. */
  readonly busy: readonly string[];
}

/** The queues of one namespace, as those see them who only count. */
export interface Loads {
  /**
   * A pool's load, summed over the pipelines it serves: two commands for each of their queues, and one for the pool.
   * `undefined` when Redis is away or does not answer soon.
   */
  read(pool: PoolName, pipelines: readonly string[], now: number): Promise<PoolLoad | undefined>;
  close(): Promise<void>;
}

type QueueLoad = Omit<PoolLoad, 'busy'>;

/** Counting takes milliseconds; Redis is as good as away when it does not answer for so long. */
const patienceMs = 2_000;

export function openLoads(redis: Redis, namespace: string): Loads {
  const queues = new Map<string, Queue>();
  const queue = (name: string): Queue => {
    const known = queues.get(name);
    if (known) return known;
    // The shared connection reports its own errors.
    const opened = new Queue(name, { connection: redis, prefix: prefixOf(namespace) }).on('error', () => undefined);
    queues.set(name, opened);
    return opened;
  };
  return {
    async read(pool, pipelines, now) {
      if (redis.status !== 'ready') return undefined;
      const names = pipelines.flatMap((pipeline) => pools[pool].map((stage) => queueName(pipeline, stage)));
      const loads = Promise.all(names.map((name) => loadOf(redis, queue(name), now)));
      const answer = Promise.all([loads, listBusy(redis, namespace, pool)]).then(
        ([counts, busy]): PoolLoad => ({ ...counts.reduce(add, nothing), busy }),
      );
      const late = sleep(patienceMs, undefined, { ref: false });
      return Promise.race([answer, late]).catch(() => undefined);
    },
    close: async () => {
      await Promise.all([...queues.values()].map((each) => each.close()));
    },
  };
}

async function loadOf(redis: Redis, queue: Queue, now: number): Promise<QueueLoad> {
  const [counts, due] = await Promise.all([
    queue.getJobCounts('waiting', 'prioritized', 'active'),
    redis.zcount(queue.toKey('delayed'), '-inf', dueScore(now)),
  ]);
  const { waiting = 0, prioritized = 0, active = 0 } = counts;
  return { waiting, prioritized, active, due };
}

/** BullMQ's score of a delayed job: the time it waits for, in milliseconds, above twelve bits that keep the order. */
const dueScore = (now: number): number => (now + 1) * 0x1000 - 1;

const nothing: QueueLoad = { waiting: 0, prioritized: 0, active: 0, due: 0 };

const add = (a: QueueLoad, b: QueueLoad): QueueLoad => ({
  waiting: a.waiting + b.waiting,
  prioritized: a.prioritized + b.prioritized,
  active: a.active + b.active,
  due: a.due + b.due,
});
