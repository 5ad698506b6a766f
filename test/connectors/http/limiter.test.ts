import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { localLimiter, sharedLimiter } from '../../../src/connectors/http/limiter.ts';

const never = new AbortController().signal;

describe('limiter', () => {
  test('never more at once than allowed, in the order of asking', async () => {
    const limiter = localLimiter({ concurrency: 3 });
    let active = 0;
    let most = 0;
    const order: number[] = [];
    const work = async (id: number) => {
      const release = await limiter.acquire(never);
      order.push(id);
      active += 1;
      most = Math.max(most, active);
      await sleep(5);
      active -= 1;
      release();
      release();
    };
    await Promise.all(Array.from({ length: 20 }, (_, id) => work(id)));
    expect(most).toBe(3);
    expect(order).toEqual(Array.from({ length: 20 }, (_, id) => id));
  });

  test('never more in any stretch of time than allowed, also after it stood idle', async () => {
    const limiter = localLimiter({ rate: { requests: 5, perMs: 200 } });
    const times: number[] = [];
    const ask = async () => {
      (await limiter.acquire(never))();
      times.push(performance.now());
    };
    await Promise.all(Array.from({ length: 12 }, ask));
    await sleep(450);
    await Promise.all(Array.from({ length: 12 }, ask));
    for (const [at, time] of times.entries()) {
      const before = times[at - 5];
      // Timers fire up to a millisecond early.
      if (before !== undefined) expect(time - before).toBeGreaterThan(198);
    }
    expect((times[11] ?? 0) - (times[0] ?? 0)).toBeLessThan(900);
  });

  test('an abort leaves the queue and takes no place', async () => {
    const limiter = localLimiter({ concurrency: 1 });
    const release = await limiter.acquire(never);
    const abort = new AbortController();
    const waiting = limiter.acquire(abort.signal);
    abort.abort(new Error('lease lost'));
    await expect(waiting).rejects.toThrow('lease lost');
    release();
    (await limiter.acquire(never))();
    (await limiter.acquire(never))();
  });

  test('an abort while waiting for a turn gives the place back', async () => {
    const limiter = localLimiter({ concurrency: 1, rate: { requests: 1, perMs: 100 } });
    (await limiter.acquire(never))();
    await expect(limiter.acquire(AbortSignal.timeout(10))).rejects.toThrow();
    (await limiter.acquire(never))();
  });

  test('the same key and limits are the same limiter in this process', () => {
    const options = { concurrency: 2, rate: { requests: 5, perMs: 1000 } };
    expect(sharedLimiter('a.test', options)).toBe(sharedLimiter('a.test', { ...options }));
    expect(sharedLimiter('a.test', options)).not.toBe(sharedLimiter('b.test', options));
  });
});
