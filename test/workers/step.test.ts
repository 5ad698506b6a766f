import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { publish, putSpec } from '../../src/lake/lake.ts';
import { jobId, prefixOf, queueName, redisKeys } from '../../src/queue/names.ts';
import type { QueuedStep } from '../../src/queue/payload.ts';
import { maxAttempts } from '../../src/queue/retry.ts';
import { TerminalError, ThrottledError, TransientError } from '../../src/run/errors.ts';
import type { Failure } from '../../src/run/types.ts';
import { runStep } from '../../src/workers/step.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';
import { namespace, nothingRead, openShop, type Shop, stepPayload, type Work } from './workshop.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const never = new AbortController().signal;
const run = (shop: Shop, step: QueuedStep, worker = 'one', signal = never) =>
  runStep({ ...shop.place, worker }, shop.served, stepPayload('r', step), signal);

const leaseOf = async (shop: Shop, label: string): Promise<string | null> =>
  shop.redis.get(redisKeys.stepLease(namespace, (await shop.step(label)).step.key));

describe('a step', () => {
  test('is published once, with all that made it; who comes later does nothing', async () => {
    let times = 0;
    const shop = await openShop(server.connection, {
      pipeline: 'once',
      extract: async () => {
        times += 1;
        return { ...nothingRead, complete: false };
      },
    });
    const step = await shop.step('a');
    expect(await run(shop, step)).toBe('published');
    expect(await run(shop, step, 'two')).toBe('alreadyPublished');
    expect(times).toBe(1);
    expect(await shop.manifests()).toMatchObject([
      {
        ...{ v: 1, run: 'r', dataset: 'postings', stage: 'Extract', part: '0', inputs: [], complete: false },
        ...{ key: step.step.key, spec: step.step.spec, slice: step.step.slice, ledger: nothingRead.ledger },
        epoch: expect.any(Number),
      },
    ]);
  });

  test('is done by one of many at a time, and the others are told that somebody is at it', async () => {
    const shop = await openShop(server.connection, {
      pipeline: 'many',
      extract: async () => {
        await sleep(300);
        return nothingRead;
      },
    });
    const step = await shop.step('a');
    const outcomes = await Promise.all(['one', 'two', 'three', 'four'].map((worker) => run(shop, step, worker)));
    expect(outcomes.sort()).toEqual(['busy', 'busy', 'busy', 'published']);
  });

  test('is not published when its lease passed to somebody else, even if its work ends well', async () => {
    const gate = Promise.withResolvers<void>();
    const shop = await openShop(server.connection, {
      pipeline: 'stolen',
      extract: async ({ signal }) => {
        signal.addEventListener('abort', () => gate.resolve());
        await gate.promise;
        return nothingRead;
      },
    });
    const step = await shop.step('a');
    const lease = redisKeys.stepLease(namespace, step.step.key);
    const running = run(shop, step);
    await expect.poll(() => leaseOf(shop, 'a')).toMatch(/^one\./);
    await shop.redis.set(lease, 'two', 'PX', 60_000);
    await expect(running).rejects.toThrow(/passed to another worker/);
    expect(await shop.manifests()).toEqual([]);
    expect(await leaseOf(shop, 'a')).toBe('two');
  });

  test('is done once more after a wipe, by the same process too, and only one of the two publishes', async () => {
    const gate = Promise.withResolvers<void>();
    let times = 0;
    const shop = await openShop(server.connection, {
      pipeline: 'again',
      extract: async ({ signal }) => {
        times += 1;
        if (times === 1) await sleep(60_000, undefined, { signal });
        await gate.promise;
        return nothingRead;
      },
    });
    const step = await shop.step('a');
    const first = run(shop, step);
    await expect.poll(() => times).toBe(1);
    await shop.redis.flushall();
    const second = run(shop, step);
    await expect(first).rejects.toThrow(/passed to another worker/);
    gate.resolve();
    expect(await second).toBe('published');
    expect(times).toBe(2);
  });

  test('leaves nothing in its scratch folder, however it ends', async () => {
    const folders: string[] = [];
    const ends: Work[] = [
      async () => nothingRead,
      async () => {
        throw new TerminalError('Broken', 'no');
      },
    ];
    for (const [at, end] of ends.entries()) {
      const shop = await openShop(server.connection, {
        pipeline: `scratch${at}`,
        extract: (context, self) => {
          folders.push(context.scratch);
          expect(readdirSync(context.scratch)).toEqual([]);
          return end(context, self);
        },
      });
      await run(shop, await shop.step('a')).catch(() => undefined);
    }
    expect(folders).toHaveLength(2);
    expect(folders.filter(existsSync)).toEqual([]);
  });

  test('that takes longer than its time is transient, and says how long it had', async () => {
    const shop = await openShop(server.connection, {
      pipeline: 'slow',
      timeout: '100ms',
      extract: ({ signal }) => sleep(10_000, nothingRead, { signal }),
    });
    const error = await run(shop, await shop.step('a')).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransientError);
    expect((error as Error).message).toBe('Extract of postings took longer than 100 ms');
    expect(await leaseOf(shop, 'a')).toBeNull();
  });

  test('reads the inputs it was planned with, also when their list is kept in the lake', async () => {
    const read: string[][] = [];
    const shop = await openShop(server.connection, {
      pipeline: 'inputs',
      extract: async ({ inputs }) => {
        read.push(inputs.map(({ key }) => key));
        return nothingRead;
      },
    });
    const [first, second] = [await shop.step('first'), await shop.step('second')];
    await run(shop, first);
    const slice = first.step.slice.asOf.replace(/[-:.]/g, '');
    const path = `_jobpulse/steps/postings/extract/${slice}/${first.step.key}.json`;
    const inputsAt = await putSpec(shop.lake, [path]);
    await run(shop, { ...second, inputsAt });
    const third = await shop.step('third');
    await run(shop, { step: { ...third.step, inputs: [path] } });
    expect(read).toEqual([[], [first.step.key], [first.step.key]]);
    const gone = run(shop, { step: { ...(await shop.step('fourth')).step, inputs: ['_jobpulse/steps/x.json'] } });
    await expect(gone).rejects.toMatchObject({ reason: 'InputMissing' });
  });

  test('that comes out differently the second time overwrites nothing and says that it is not reproducible', async () => {
    const shop = await openShop(server.connection, {
      pipeline: 'different',
      extract: async (_, self) => {
        const [manifest] = await self.manifests();
        if (manifest) throw new Error('published too early');
        // Another worker, which lost its lease but not its nerve, publishes first.
        await publish(self.lake, {
          ...{ v: 1, key: step.step.key, stage: 'Extract', dataset: 'postings', run: 'r', epoch: 1 },
          ...{ slice: step.step.slice, part: '0', spec: step.step.spec, inputs: [], complete: true },
          ...{ partitions: [], schema: [], cost: { requests: 0, bytes: 0, credits: 0 }, versions: {} },
          ...{ startedAt: '', finishedAt: '', ledger: { ...nothingRead.ledger, ...{ listed: 1, fetched: 1 } } },
        });
        return nothingRead;
      },
    });
    const step = await shop.step('a');
    await expect(run(shop, step)).rejects.toMatchObject({ reason: 'NotReproducible' });
    expect(await shop.manifests()).toMatchObject([{ ledger: { listed: 1 } }]);
  });

  test('of a stage that this pool does not do is a failure, not a loop', async () => {
    const shop = await openShop(server.connection, { pipeline: 'pool' });
    const { step } = await shop.step('a');
    await expect(run(shop, { step: { ...step, stage: 'Load' } })).rejects.toMatchObject({ reason: 'WrongPool' });
  });
});

/** Adds a wave of one step and returns what became of it, with its job. */
async function oneStep(pipeline: string, extract: Work, change: object = {}) {
  const tries: number[] = [];
  const shop = await openShop(server.connection, {
    pipeline,
    extract: (context, self) => {
      tries.push(performance.now());
      return extract(context, self);
    },
  });
  const { step } = await shop.step('a');
  await shop.waves.add(pipeline, 1, { ...shop.payload('r'), ...change }, [{ step }]);
  const workers = [shop.work('extract'), shop.work('clean')];
  const failures = async (): Promise<readonly Failure[]> => {
    const seen = await shop.ended('r', 1);
    return seen.state === 'planned' ? seen.result.failures : [];
  };
  const job = () => shop.queue('extract').getJob(jobId('r', 1, step.key));
  return { shop, tries, failures, job, workers };
}

const overdue = { notAfter: '2026-01-01T00:00:00.000Z' };

describe('a job', () => {
  test('that the source throttles is tried as often as it must be and spends no attempt', async () => {
    let left = maxAttempts + 3;
    const { tries, failures, job } = await oneStep('throttled', async () => {
      left -= 1;
      if (left >= 0) throw new ThrottledError('429', 50);
      return nothingRead;
    });
    expect(await failures()).toEqual([]);
    expect(tries).toHaveLength(maxAttempts + 4);
    expect((await job())?.attemptsMade).toBe(1);
  });

  test('that fails by chance is tried a bounded number of times, then ends with a reason', async () => {
    const { shop, tries, failures } = await oneStep('transient', async () => {
      throw new TransientError('the connection with key hunter2 broke');
    });
    expect(await failures()).toMatchObject([
      {
        ...{ dataset: 'postings', stage: 'Extract', reason: 'RetriesExhausted' },
        message: 'the connection with key *** broke',
      },
    ]);
    expect(tries).toHaveLength(maxAttempts);
    expect(await shop.manifests()).toEqual([]);
  });

  test('that failed by chance and then does not is published', async () => {
    let left = 2;
    const { shop, tries, failures } = await oneStep('lucky', async () => {
      left -= 1;
      if (left >= 0) throw new Error('what nobody classed is worth another try');
      return nothingRead;
    });
    expect(await failures()).toEqual([]);
    expect(tries).toHaveLength(3);
    expect(await shop.manifests()).toHaveLength(1);
  });

  test.each([
    { name: 'fails by chance', error: new TransientError('broke') },
    { name: 'is throttled', error: new ThrottledError('429', 60_000) },
  ])('that $name after its time is over is not tried again', async ({ name, error }) => {
    const pipeline = `overdue-${name.replaceAll(' ', '-')}`;
    const { tries, failures } = await oneStep(pipeline, () => Promise.reject(error), overdue);
    expect(await failures()).toHaveLength(1);
    expect(tries).toHaveLength(1);
  });

  test('whose lease somebody else has waits a second at a time, and spends no attempt', async () => {
    const other = await openShop(server.connection, { pipeline: 'leased' });
    const lease = redisKeys.stepLease(namespace, (await other.step('a')).step.key);
    await other.redis.set(lease, 'another', 'PX', 2500);
    const { tries, failures, job } = await oneStep('leased', async () => nothingRead);
    expect(await failures()).toEqual([]);
    expect(tries).toHaveLength(1);
    expect((await job())?.attemptsMade).toBe(1);
    expect((await job())?.attemptsStarted).toBeGreaterThanOrEqual(3);
  });

  test('of a payload that this version does not know is put back for half a minute, and spends no attempt', async () => {
    const shop = await openShop(server.connection, { pipeline: 'newer' });
    const payload = { ...stepPayload('r', await shop.step('a')), v: 2 };
    const job = await shop.queue('extract').add('Extract', payload, { jobId: 'r.1.newer', attempts: maxAttempts });
    shop.work('extract');
    await expect.poll(() => shop.queue('extract').getDelayedCount()).toBe(1);
    const seen = await shop.queue('extract').getJob(job.id ?? '');
    expect(seen?.attemptsMade).toBe(0);
    expect(seen?.delay).toBeGreaterThan(25_000);
    expect(await shop.manifests()).toEqual([]);
  });

  test('is found within seconds although the call went to a worker that hangs', async () => {
    const shop = await openShop(server.connection, { pipeline: 'unheard' });
    const hung = shop.redis.duplicate();
    const call = hung.bzpopmin(`${prefixOf(namespace)}:${queueName('unheard', 'extract')}:marker`, 0);
    shop.work('extract');
    shop.work('clean');
    await sleep(300); // now both wait, and the one that hangs was first
    await shop.waves.add('unheard', 1, shop.payload('r'), [await shop.step('a')]);
    expect(await call).not.toBeNull();
    const addedAt = performance.now();
    await shop.ended('r', 1);
    expect(performance.now() - addedAt).toBeLessThan(20_000);
    hung.disconnect();
  });

  test('goes back, with no attempt spent, when its worker stops before it has ended', async () => {
    const { shop, workers, job } = await oneStep('stopped', ({ signal }) => sleep(60_000, nothingRead, { signal }));
    await expect.poll(() => shop.queue('extract').getActiveCount()).toBe(1);
    await Promise.all(workers.map((worker) => worker.close(500)));
    const left = await job();
    expect(left?.attemptsMade).toBe(0);
    expect(await left?.getState()).toMatch(/waiting|delayed/);
    expect(await leaseOf(shop, 'a')).toBeNull();
  });
});
