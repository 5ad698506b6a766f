import type { Redis } from 'ioredis';
import { type PoolName, redisKeys } from './names.ts';

/** Workers that have steps under way say so this often … */
export const busyBeatMs = 2_000;
/** … and count as busy this long after they last said it: one that died is forgotten then. */
export const busyMs = 3 * busyBeatMs;

/** By the clock of Redis, which all have in common. */
const clock = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** KEYS: busy workers. ARGV: worker, milliseconds. */
const markScript = `${clock}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** KEYS: busy workers. */
const listScript = `${clock}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')`;

/** Names of the workers of a pool that have steps under way, or had a moment ago. */
export const listBusy = async (redis: Redis, namespace: string, pool: PoolName): Promise<readonly string[]> =>
  (await redis.eval(listScript, 1, redisKeys.busy(namespace, pool))) as string[];

export interface BusyWorker {
  /** Does a step as one that others can see. */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Call it every `busyBeatMs`: says again that there is work under way, or that there was none since the last time. */
  beat(): void;
}

/**
 * Tells the namespace whether a worker is busy; best effort, nobody waits for it. Short steps one after the other cost
 * one command for each beat, not two for each step.
 */
export function openBusy(redis: Redis, namespace: string, pool: PoolName, worker: string): BusyWorker {
  const key = redisKeys.busy(namespace, pool);
  let underWay = 0;
  let workedSinceBeat = false;
  let marked = false;
  const mark = (): void => {
    marked = true;
    redis.eval(markScript, 1, key, worker, busyMs).catch(() => undefined);
  };
  const unmark = (): void => {
    marked = false;
    redis.zrem(key, worker).catch(() => undefined);
  };
  return {
    async during(work) {
      underWay += 1;
      workedSinceBeat = true;
      if (!marked) mark();
      try {
        return await work();
      } finally {
        underWay -= 1;
      }
    },
    beat() {
      if (workedSinceBeat) mark();
      else if (marked) unmark();
      workedSinceBeat = underWay > 0;
    },
  };
}
