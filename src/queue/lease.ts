import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { TransientError } from '../run/errors.ts';

/** A lease ends this long after its last renewal: what a dead worker held is free again then. */
export const leaseMs = 10_000;

export interface Lease {
  readonly key: string;
  readonly owner: string;
  /** Grows with every lease of the namespace: a later holder has a greater number. */
  readonly fence: number;
}

/** KEYS: lease, fence counter. ARGV: owner, milliseconds. Returns the fencing number, or 0 when somebody else holds it. */
const acquireScript = `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return redis.call('INCR', KEYS[2]) end
return 0`;

/** KEYS: lease. ARGV: owner, milliseconds. Returns 1 while the lease is still the owner's. */
const renewScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0`;

/** KEYS: lease. ARGV: owner. */
const releaseScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/** Takes a lease, or returns `undefined` when another owner has it. */
export async function acquire(redis: Redis, key: string, fenceKey: string, owner: string): Promise<Lease | undefined> {
  const fence = Number(await redis.eval(acquireScript, 2, key, fenceKey, owner, leaseMs));
  return fence > 0 ? { key, owner, fence } : undefined;
}

/** Gives a lease back; one that has passed to somebody else is left alone. */
export const release = (redis: Redis, lease: Lease): Promise<unknown> =>
  redis.eval(releaseScript, 1, lease.key, lease.owner);

/**
 * Does work while the lease is renewed. The work's signal aborts when the lease is lost or could not be renewed in time
 * (Redis away, this process stopped for a while): from then on somebody else may be doing the same.
 */
export async function holding<Result>(
  redis: Redis,
  lease: Lease,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
  onRenewal: () => void = () => undefined,
): Promise<Result> {
  const lost = new AbortController();
  const done = new AbortController();
  const renewing = renew(redis, lease, done.signal, onRenewal).catch((error: unknown) => lost.abort(error));
  try {
    return await work(AbortSignal.any([signal, lost.signal]));
  } finally {
    done.abort();
    await renewing;
    await release(redis, lease).catch(() => undefined); // it expires by itself
  }
}

async function renew(redis: Redis, lease: Lease, done: AbortSignal, onRenewal: () => void): Promise<void> {
  let deadline = performance.now() + leaseMs;
  while (!done.aborted) {
    await sleep(leaseMs / 3, undefined, { signal: done }).catch(() => undefined);
    if (done.aborted) return;
    if (performance.now() > deadline) throw new TransientError(`the lease ${lease.key} ran out before it was renewed`);
    onRenewal();
    const asked = performance.now();
    const still = await answeredBefore(deadline, redis.eval(renewScript, 1, lease.key, lease.owner, leaseMs), done);
    if (still === 0) throw new TransientError(`the lease ${lease.key} passed to another worker`);
    if (still === 1) deadline = asked + leaseMs;
  }
}

/** The answer, or `undefined` once the work is done; throws when the answer does not come before the deadline. */
async function answeredBefore(deadline: number, answer: Promise<unknown>, done: AbortSignal): Promise<unknown> {
  const late = sleep(Math.max(0, deadline - performance.now()), 'late', { signal: done }).catch(() => undefined);
  const first = await Promise.race([answer, late]);
  answer.catch(() => undefined);
  if (first === 'late') throw new TransientError('Redis did not answer while a lease was to be renewed');
  return first;
}
