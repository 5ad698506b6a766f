import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/queue/connection.ts';
import { acquire, holding, leaseMs, release } from '../../src/queue/lease.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';

let server: TestRedis;
let redis: Redis;
const never = new AbortController().signal;
const fence = '{jp:test}:fence';

beforeAll(async () => {
  server = await startRedis();
  redis = connect(server.connection);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

test('of twenty that want a lease one gets it, and the next holder has a greater fencing number', async () => {
  const owners = Array.from({ length: 20 }, (_, at) => `owner-${at}`);
  const leases = await Promise.all(owners.map((owner) => acquire(redis, '{jp:test}:lease:a', fence, owner)));
  const [first, ...others] = leases.filter((lease) => lease !== undefined);
  expect(others).toEqual([]);
  if (!first) throw new Error('nobody got the lease');
  await release(redis, first);
  const second = await acquire(redis, '{jp:test}:lease:a', fence, 'later');
  expect(second?.fence).toBeGreaterThan(first.fence);
});

test('a lease that passed to somebody else aborts the work and is not released by its former holder', async () => {
  const key = '{jp:test}:lease:b';
  const lease = await acquire(redis, key, fence, 'first');
  if (!lease) throw new Error('the lease was taken');
  const work = holding(redis, lease, never, async (signal) => {
    await redis.set(key, 'second');
    await sleep(leaseMs, undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  });
  await expect(work).rejects.toThrow('passed to another worker');
  expect(await redis.get(key)).toBe('second');
});

test('a lease is renewed for as long as the work takes, and is free afterwards', async () => {
  const key = '{jp:test}:lease:c';
  const lease = await acquire(redis, key, fence, 'me');
  if (!lease) throw new Error('the lease was taken');
  let renewals = 0;
  const result = await holding(
    redis,
    lease,
    never,
    async () => {
      await sleep(leaseMs + 1000);
      return redis.get(key);
    },
    () => {
      renewals += 1;
    },
  );
  expect(result).toBe('me');
  expect(renewals).toBeGreaterThanOrEqual(3);
  expect(await redis.get(key)).toBeNull();
});
