import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { listBusy } from './busy.ts';
import { type PoolName, pools, type QueueStage, queueKey, queueName, queueStages } from './names.ts';
import { answers } from './wave.ts';

/** What one queue holds, by where BullMQ keeps it. */
export interface QueueLoad {
  readonly waiting: number;
  readonly prioritized: number;
  readonly active: number;
  /** Delayed jobs whose time has come. */
  readonly due: number;
  /** Jobs that failed for good, of those that are kept. */
  readonly failed: number;
  /** Age in seconds of the job that is next of those that wait; absent when none waits. */
  readonly oldestSeconds?: number;
}

/** What a pool of workers has before it: the sum of its queues. */
export interface PoolLoad extends Omit<QueueLoad, 'failed' | 'oldestSeconds'> {
  /** Names of the workers that have jobs under way. */
  readonly busy: readonly string[];
}

/** The queues of a pipeline, by stage. */
export type PipelineLoad = Readonly<Record<QueueStage, QueueLoad>>;

/** The queues of one namespace, as those see them who only count. `undefined`: Redis is away or does not answer soon. */
export interface Loads {
  /** A pool's load, summed over the pipelines it serves. */
  read(pool: PoolName, pipelines: readonly string[], now: number): Promise<PoolLoad | undefined>;
  /** Every queue of the pipelines, in one round trip. */
  readQueues(pipelines: readonly string[], now: number): Promise<ReadonlyMap<string, PipelineLoad> | undefined>;
}

/** Counting takes milliseconds; Redis is as good as away when it does not answer for so long. */
const patienceMs = 2_000;
/** Redis does nothing else while it counts: so many queues take it about a millisecond. */
const queuesPerCall = 200;

/** KEYS: queues. ARGV: the greatest score of a delayed job that is due. Returns six numbers for each queue, in a row. */
const countScript = `
local counts = {}
for _, queue in ipairs(KEYS) do
  local due = redis.call('ZCOUNT', queue .. ':delayed', '-inf', ARGV[1])
  local nextOnes = {redis.call('LINDEX', queue .. ':wait', -1) or nil}
  nextOnes[#nextOnes + 1] = redis.call('ZRANGE', queue .. ':prioritized', 0, 0)[1]
  if due > 0 then nextOnes[#nextOnes + 1] = redis.call('ZRANGE', queue .. ':delayed', 0, 0)[1] end
  local oldest = -1
  for _, job in ipairs(nextOnes) do
    local added = tonumber(redis.call('HGET', queue .. ':' .. job, 'timestamp') or -1)
    if added > 0 and (oldest < 0 or added < oldest) then oldest = added end
  end
  for _, count in ipairs({
    redis.call('LLEN', queue .. ':wait'), redis.call('ZCARD', queue .. ':prioritized'),
    redis.call('LLEN', queue .. ':active'), due, redis.call('ZCARD', queue .. ':failed'), oldest,
  }) do counts[#counts + 1] = count end
end
return counts`;

export function openLoads(redis: Redis, namespace: string): Loads {
  const soon = async <Answer>(question: () => Promise<Answer>): Promise<Answer | undefined> => {
    if (redis.status !== 'ready') return undefined;
    const late = sleep(patienceMs, undefined, { ref: false });
    return Promise.race([question(), late]).catch(() => undefined);
  };
  const count = (names: readonly string[], now: number): Promise<readonly QueueLoad[]> =>
    countQueues(
      redis,
      names.map((name) => queueKey(namespace, name)),
      now,
    );
  return {
    read: (pool, pipelines, now) =>
      soon(async () => {
        const names = pipelines.flatMap((pipeline) => pools[pool].map((stage) => queueName(pipeline, stage)));
        const [queues, busy] = await Promise.all([count(names, now), listBusy(redis, namespace, pool)]);
        return { ...queues.reduce(add, nothing), busy };
      }),
    readQueues: (pipelines, now) =>
      soon(async () => {
        const names = pipelines.flatMap((pipeline) => queueStages.map((stage) => queueName(pipeline, stage)));
        const queues = await count(names, now);
        return new Map(pipelines.map((pipeline, index) => [pipeline, byStage(queues, index * queueStages.length)]));
      }),
  };
}

async function countQueues(redis: Redis, keys: readonly string[], now: number): Promise<readonly QueueLoad[]> {
  const asked = redis.pipeline();
  for (let from = 0; from < keys.length; from += queuesPerCall) {
    const some = keys.slice(from, from + queuesPerCall);
    asked.eval(countScript, some.length, ...some, dueScore(now));
  }
  const numbers = (answers(await asked.exec()) as number[][]).flat();
  return keys.map((_, index) => queueLoad(numbers.slice(index * 6, index * 6 + 6), now));
}

/** BullMQ's score of a delayed job: the time it waits for, in milliseconds, above twelve bits that keep the order. */
const dueScore = (now: number): number => (now + 1) * 0x1000 - 1;

function queueLoad(counts: readonly number[], now: number): QueueLoad {
  const [waiting = 0, prioritized = 0, active = 0, due = 0, failed = 0, oldest = -1] = counts;
  const age = oldest < 0 ? {} : { oldestSeconds: Math.max(0, (now - oldest) / 1000) };
  return { waiting, prioritized, active, due, failed, ...age };
}

const empty: QueueLoad = { waiting: 0, prioritized: 0, active: 0, due: 0, failed: 0 };

const byStage = (queues: readonly QueueLoad[], from: number): PipelineLoad => {
  const [extract = empty, clean = empty, load = empty, transform = empty] = queues.slice(from);
  return { extract, clean, load, transform };
};

type Sum = Omit<PoolLoad, 'busy'>;
const nothing: Sum = { waiting: 0, prioritized: 0, active: 0, due: 0 };

const add = (a: Sum, b: Sum): Sum => ({
  waiting: a.waiting + b.waiting,
  prioritized: a.prioritized + b.prioritized,
  active: a.active + b.active,
  due: a.due + b.due,
});
