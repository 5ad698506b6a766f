import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LimiterOptions } from '../../src/connectors/http/limiter.ts';
import { connect } from '../../src/queue/connection.ts';
import { declarationOf, openLimits } from '../../src/queue/limits.ts';
import { redisKeys } from '../../src/queue/names.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';

const never = new AbortController().signal;
const at5 = { rate: { requests: 5, perMs: 300 } };

let server: TestRedis;
let redis: Redis;
let namespace: string;
beforeAll(async () => {
  server = await startRedis();
  redis = connect(server.connection);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  namespace = `n-${randomUUID()}`;
  await redis.set(redisKeys.limitsSince(namespace), '0'); // remembered since long ago
});

const worker = (name: string) => openLimits(redis, namespace, name, (work) => work());
const workers = (count: number) => Array.from({ length: count }, (_, at) => worker(`w${at}`));

/** Requests that take a moment each; when each of them arrived. */
async function ask(count: number, options: LimiterOptions, by = workers(1), key = 'source'): Promise<number[]> {
  const arrivals: number[] = [];
  const one = async (at: number) => {
    const turn = await by[at % by.length]?.limiter(key, options).acquire(never);
    await sleep(Math.random() * 20);
    arrivals.push(performance.now());
    await sleep(Math.random() * 20);
    turn?.release();
  };
  await Promise.all(Array.from({ length: count }, (_, at) => one(at)));
  return arrivals;
}

const mostWithin = (arrivals: readonly number[], ms: number): number =>
  Math.max(...arrivals.map((from) => arrivals.filter((at) => at >= from && at - from < ms).length));

describe('the limits of a source, over workers', () => {
  test('a rate holds for any stretch of time, as the source sees it, and is made use of', async () => {
    const began = performance.now();
    const arrivals = await ask(24, at5, workers(8));
    expect(mostWithin(arrivals, 300)).toBe(5);
    expect(performance.now() - began).toBeLessThan(10_000);
  });

  test('no more at once than allowed, over all workers', async () => {
    let [active, most] = [0, 0];
    const by = workers(4);
    const one = async (at: number) => {
      const turn = await by[at % 4]?.limiter('source', { concurrency: 3 }).acquire(never);
      active += 1;
      most = Math.max(most, active);
      await sleep(10);
      active -= 1;
      turn?.release();
    };
    await Promise.all(Array.from({ length: 24 }, (_, at) => one(at)));
    expect(most).toBe(3);
    expect(await redis.zcard(redisKeys.slotLease(namespace, 'source'))).toBe(0);
  });

  test('of two declarations the strictest wins; other keys have limits of their own', async () => {
    const [one, two] = workers(2);
    if (!one || !two) throw new Error('two workers');
    await ask(1, { rate: { requests: 2, perMs: 400 } }, [one]);
    const [lax, other] = await Promise.all([
      ask(8, { rate: { requests: 100, perMs: 400 } }, [two]),
      ask(8, { rate: { requests: 100, perMs: 400 } }, [two], 'another'),
    ]);
    expect(mostWithin(lax, 400)).toBe(2);
    expect(mostWithin(other, 400)).toBeGreaterThan(5);
  });

  test('after a wipe a whole period passes before the next request', async () => {
    const by = workers(2);
    const before = await ask(5, at5, by);
    await redis.flushall();
    const after = await ask(6, at5, by);
    expect(mostWithin([...before, ...after], 300)).toBeLessThanOrEqual(5);
    expect(Math.min(...after) - Math.max(...before)).toBeGreaterThan(300);
  });

  test('a place whose holder died is free again when it expires, and one whose holder lives is kept', async () => {
    const places = redisKeys.slotLease(namespace, 'source');
    const turn = await worker('lives').limiter('source', { concurrency: 1 }).acquire(never);
    const [seconds = 0, micros = 0] = (await redis.time()).map(Number);
    const now = seconds * 1000 + micros / 1000;
    expect(Number((await redis.zrange(places, '0', '-1', 'WITHSCORES'))[1]) - now).toBeGreaterThan(9_000);
    turn.release();
    await redis.zadd(places, String(now + 400), 'died');
    const began = performance.now();
    (await worker('next').limiter('source', { concurrency: 1 }).acquire(never)).release();
    expect(performance.now() - began).toBeGreaterThan(350);
  });

  test('who gives up waiting takes no place', async () => {
    const limiter = worker('one').limiter('source', { concurrency: 1 });
    const turn = await limiter.acquire(never);
    await expect(limiter.acquire(AbortSignal.timeout(20))).rejects.toThrow();
    turn.release();
    (await limiter.acquire(never)).release();
    await sleep(20);
    expect(await redis.zcard(redisKeys.slotLease(namespace, 'source'))).toBe(0);
  });

  test('a place is kept after the answer until it is given back, a turn counts from the answer', async () => {
    const places = () => redis.zcard(redisKeys.slotLease(namespace, 'source'));
    const limiter = worker('one').limiter('source', { concurrency: 1, rate: { requests: 1, perMs: 400 } });
    const turn = await limiter.acquire(never);
    turn.answered();
    await sleep(450);
    expect(await places()).toBe(1);
    await expect(limiter.acquire(AbortSignal.timeout(100))).rejects.toThrow();
    turn.release();
    const began = performance.now();
    (await limiter.acquire(never)).release(); // the turn is over for long, whenever its place was given back
    expect(performance.now() - began).toBeLessThan(350);
  });

  test('everything but one integer expires', async () => {
    await ask(3, { ...at5, concurrency: 2 });
    const keys = await redis.keys(`{jp:${namespace}}*`);
    const kept = await Promise.all(keys.map(async (key) => ((await redis.pttl(key)) < 0 ? [key] : [])));
    expect(kept.flat()).toEqual([redisKeys.limitsSince(namespace)]);
  });
});

test('a rate of many requests is told in shorter periods that never allow more', () => {
  expect(declarationOf({ rate: { requests: 5, perMs: 1000 }, concurrency: 4 })).toBe('5 1000 4');
  expect(declarationOf({ rate: { requests: 2500, perMs: 60_000 } })).toBe('833 20000 0');
  expect(declarationOf({ concurrency: 2 })).toBe('0 0 2');
});
