import type { Redis } from 'ioredis';
import { redisKeys } from './names.ts';

/** No step is tried for longer than a day. */
const leftMs = 25 * 3600_000;

/**
 * KEYS: jobs left of a run. Forgets those that have ended; returns how many are under way, then those that wait again:
 * their worker died, was stopped, or was asked by the source to wait.
 */
const settleScript = `
local underWay, waiting = 0, {}
for _, job in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('EXISTS', job) == 0 or redis.call('HEXISTS', job, 'finishedOn') == 1 then
    redis.call('SREM', KEYS[1], job)
  elseif redis.call('EXISTS', job .. ':lock') == 1 then
    underWay = underWay + 1
  else
    waiting[#waiting + 1] = job
  end
end
return {underWay, waiting}`;

/** Notes jobs that are under way although their run does not go on. */
export async function leave(redis: Redis, namespace: string, run: string, jobs: readonly string[]): Promise<void> {
  if (jobs.length === 0) return;
  const key = redisKeys.left(namespace, run);
  await redis
    .multi()
    .sadd(key, ...jobs)
    .pexpire(key, leftMs)
    .exec();
}

/** Whether nobody waits for a job any more; whoever has it need not begin, or try, again. */
export const isLeft = async (redis: Redis, namespace: string, run: string, job: string): Promise<boolean> =>
  (await redis.sismember(redisKeys.left(namespace, run), job)) === 1;

/** What has become of the jobs that were left. */
export async function settle(
  redis: Redis,
  namespace: string,
  run: string,
): Promise<{ readonly underWay: number; readonly waiting: readonly string[] }> {
  const answer = await redis.eval(settleScript, 1, redisKeys.left(namespace, run));
  const [underWay, waiting] = answer as [number, string[]];
  return { underWay, waiting };
}
