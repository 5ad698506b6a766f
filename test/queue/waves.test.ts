import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jobId, prefixOf, queueName, redisKeys } from '../../src/queue/names.ts';
import { TerminalError, ThrottledError } from '../../src/run/errors.ts';
import type { Failure } from '../../src/run/types.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';
import { finished, namespace, nothingRead, openShop, type Shop } from '../workers/workshop.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const jobsIn = async (shop: Shop): Promise<Record<string, number>> => {
  const counts = await Promise.all((['extract', 'clean'] as const).map((stage) => shop.queue(stage).getJobCounts()));
  return Object.fromEntries(
    Object.entries(counts[0] ?? {}).map(([state, count]) => [state, count + (counts[1]?.[state] ?? 0)]),
  );
};

test('a wave is its steps, then its plan; its state is open until the plan has ended', async () => {
  const order: string[] = [];
  const shop = await openShop(server.connection, {
    pipeline: 'order',
    extract: async ({ step }) => {
      order.push(`step ${step.key.slice(0, 4)}`);
      return nothingRead;
    },
    plan: async () => {
      order.push('plan');
      return finished();
    },
  });
  expect(await shop.waves.look('order', 'r', 1)).toEqual({ state: 'missing' });
  await shop.waves.add('order', 1, shop.payload('r'), [await shop.step('a'), await shop.step('b')]);
  expect(await shop.waves.look('order', 'r', 1)).toEqual({
    ...{ state: 'open', priority: 'Normal', steps: { total: 2, done: 0, failed: 0, running: 0 } },
  });
  shop.work('clean');
  await sleep(200);
  expect(order).toEqual([]);
  shop.work('extract');
  expect(await shop.ended('r', 1)).toEqual({ state: 'planned', result: finished() });
  expect(order).toHaveLength(3);
  expect(order.at(-1)).toBe('plan');
});

test('adding a wave again adds nothing, whatever has become of its jobs meanwhile', async () => {
  const runs: string[] = [];
  const gate = Promise.withResolvers<void>();
  const shop = await openShop(server.connection, {
    pipeline: 'twice',
    extract: async ({ step }) => {
      runs.push(step.key);
      if (runs.length === 2) throw new TerminalError('Broken', 'the second to start fails for good');
      if (runs.length === 3) await gate.promise;
      return nothingRead;
    },
    plan: async (_, failures) => {
      runs.push('plan');
      return finished(failures);
    },
  });
  const steps = await Promise.all(['a', 'b', 'c'].map(shop.step));
  const add = () => shop.waves.add('twice', 1, shop.payload('r'), steps);
  await Promise.all([add(), add(), add()]);
  expect(await jobsIn(shop)).toMatchObject({ waiting: 3, 'waiting-children': 1 });
  shop.work('extract');
  while (runs.length < 3) await sleep(20);
  await expect.poll(() => jobsIn(shop)).toMatchObject({ completed: 1, failed: 1, active: 1, 'waiting-children': 1 });
  await add(); // one has been published, one has failed, one is under way
  expect(await shop.waves.look('twice', 'r', 1)).toMatchObject({ steps: { total: 3, done: 1, failed: 1, running: 1 } });
  expect(await jobsIn(shop)).toMatchObject({ waiting: 0, completed: 1, failed: 1, active: 1, 'waiting-children': 1 });
  gate.resolve();
  shop.work('clean');
  const seen = await shop.ended('r', 1);
  await add(); // all have ended
  await sleep(300);
  expect(runs).toHaveLength(4);
  expect(seen).toMatchObject({ state: 'planned', result: { failures: [{ reason: 'Broken' }] } });
  expect(await jobsIn(shop)).toMatchObject({ waiting: 0, active: 0, 'waiting-children': 0, delayed: 0 });
});

test('a step that failed for good does not hold back the plan, which is told what failed', async () => {
  const shop = await openShop(server.connection, {
    pipeline: 'fails',
    extract: async () => {
      throw new TerminalError('Unauthorized', 'the source refuses the key hunter2');
    },
  });
  const { step } = await shop.step('a');
  await shop.waves.add('fails', 1, shop.payload('r'), [{ step }, await shop.step('b')]);
  shop.work('extract');
  shop.work('clean');
  const seen = await shop.ended('r', 1);
  const failures: readonly Failure[] = seen.state === 'planned' ? seen.result.failures : [];
  expect(failures).toHaveLength(2);
  expect(failures).toContainEqual({
    ...{ dataset: 'postings', stage: 'Extract', key: step.key },
    ...{ reason: 'Unauthorized', message: 'the source refuses the key ***' },
  });
});

test('a step whose worker was lost too often is told as WorkerLost, with its dataset and stage', async () => {
  const shop = await openShop(server.connection, { pipeline: 'lost' });
  const { step } = await shop.step('a');
  await shop.waves.add('lost', 1, shop.payload('r'), [{ step }]);
  // Takes the job and never renews its lock, as a worker that hangs; a job may be lost no time at all.
  const hung = new Worker(queueName('lost', 'extract'), () => new Promise(() => undefined), {
    ...{ connection: shop.redis, prefix: prefixOf(namespace) },
    ...{ lockDuration: 300, skipLockRenewal: true, stalledInterval: 200, maxStalledCount: 0 },
  });
  hung.on('error', () => undefined);
  await expect.poll(() => shop.queue('extract').getActiveCount()).toBe(1);
  shop.work('extract');
  shop.work('clean');
  const seen = await shop.ended('r', 1);
  await hung.close(true);
  expect(seen).toMatchObject({
    state: 'planned',
    result: { failures: [{ dataset: 'postings', stage: 'Extract', key: step.key, reason: 'WorkerLost' }] },
  });
});

test('a plan that fails for good makes the wave failed, with the reason', async () => {
  const shop = await openShop(server.connection, {
    pipeline: 'noplan',
    plan: async () => {
      throw new TerminalError('LakeClaimed', 'somebody else writes here');
    },
  });
  await shop.waves.add('noplan', 0, shop.payload('r'), []);
  shop.work('clean');
  expect(await shop.ended('r', 0)).toMatchObject({
    ...{ state: 'failed', reason: 'LakeClaimed', message: 'somebody else writes here' },
  });
});

test('in an emptied Redis a wave is missing, the step under way still publishes, and the next wave is done', async () => {
  const gate = Promise.withResolvers<void>();
  const shop = await openShop(server.connection, {
    pipeline: 'wiped',
    extract: async () => {
      await gate.promise;
      return nothingRead;
    },
  });
  await shop.waves.add('wiped', 1, shop.payload('r'), [await shop.step('a')]);
  shop.work('extract');
  shop.work('clean');
  await expect.poll(() => shop.queue('extract').getActiveCount()).toBe(1);
  await shop.redis.flushall();
  expect(await shop.waves.look('wiped', 'r', 1)).toEqual({ state: 'missing' });
  gate.resolve();
  await expect.poll(() => shop.manifests(), { timeout: 5000 }).toHaveLength(1);
  await shop.waves.add('wiped', 2, shop.payload('r'), [await shop.step('a')]);
  expect(await shop.ended('r', 2)).toMatchObject({ state: 'planned' });
  expect(await shop.manifests()).toHaveLength(1);
});

test('what is forgotten is gone, but for a step under way, which ends without a plan after it', async () => {
  const gate = Promise.withResolvers<void>();
  const runs: string[] = [];
  const shop = await openShop(server.connection, {
    pipeline: 'forgotten',
    extract: async ({ step }) => {
      runs.push(step.key);
      await gate.promise;
      return nothingRead;
    },
    plan: async () => {
      runs.push('plan');
      return finished();
    },
  });
  const steps = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(shop.step));
  await shop.waves.add('forgotten', 1, shop.payload('r'), steps);
  shop.work('extract');
  shop.work('clean');
  await expect.poll(() => runs.length).toBe(2);
  expect(await shop.waves.forget('forgotten', 'r', 1)).toBe(2);
  expect(await shop.waves.forget('forgotten', 'r', 1)).toBe(2);
  expect(await shop.waves.look('forgotten', 'r', 1)).toEqual({ state: 'missing' });
  expect(await jobsIn(shop)).toMatchObject({ waiting: 0, active: 2, 'waiting-children': 0 });
  gate.resolve();
  await expect.poll(() => jobsIn(shop)).toMatchObject({ active: 0 });
  await expect.poll(() => shop.waves.underWay('r')).toBe(0);
  await sleep(300);
  expect(runs).toHaveLength(2);
  expect(await shop.redis.exists(redisKeys.left(namespace, 'r'))).toBe(0);
  expect(await shop.queue('extract').getJob(jobId('r', 1, steps[4]?.step.key))).toBeUndefined();
});

test('a step under way that is put back after its run was forgotten does not begin again', async () => {
  const gate = Promise.withResolvers<void>();
  let begun = 0;
  const shop = await openShop(server.connection, {
    pipeline: 'putback',
    extract: async () => {
      begun += 1;
      await gate.promise;
      throw new ThrottledError('wait', 200);
    },
  });
  await shop.waves.add('putback', 0, shop.payload('r'), [await shop.step('a')]);
  shop.work('extract');
  await expect.poll(() => begun).toBe(1);
  expect(await shop.waves.forget('putback', 'r', 0)).toBe(1);
  gate.resolve();
  await expect.poll(() => shop.waves.underWay('r')).toBe(0);
  await sleep(500);
  expect(begun).toBe(1);
  expect(await jobsIn(shop)).toMatchObject({ waiting: 0, active: 0, delayed: 0 });
});

test('neither does one whose worker was stopped, although nobody looks at the run any more', async () => {
  const begun: string[] = [];
  const shop = await openShop(server.connection, {
    pipeline: 'stopped',
    extract: async ({ run, signal }) => {
      begun.push(run.name);
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return nothingRead;
    },
  });
  await shop.waves.add('stopped', 0, shop.payload('r'), [await shop.step('a')]);
  const first = shop.work('extract');
  await expect.poll(() => begun).toEqual(['r']);
  expect(await shop.waves.forget('stopped', 'r', 0)).toBe(1);
  await first.close(0);
  shop.work('extract');
  await expect.poll(() => jobsIn(shop)).toMatchObject({ waiting: 0, active: 0, delayed: 0 });
  expect(begun).toEqual(['r']);
});

test('steps of a High run go before those of a Normal one, and those of a Low run after them', async () => {
  const order: string[] = [];
  const shop = await openShop(server.connection, {
    pipeline: 'ranks',
    extract: async ({ run }) => {
      order.push(run.name);
      return nothingRead;
    },
  });
  for (const priority of ['Low', 'Normal', 'High'] as const) {
    const steps = await Promise.all(['a', 'b', 'c', 'd'].map((name) => shop.step(`${priority}-${name}`)));
    await shop.waves.add('ranks', 0, shop.payload(priority), steps, priority);
    expect(await shop.waves.look('ranks', priority, 0)).toMatchObject({ state: 'open', priority });
  }
  shop.work('extract');
  await expect.poll(() => order.length).toBe(12);
  const places = (priority: string) => order.flatMap((each, place) => (each === priority ? [place] : []));
  const middle = (priority: string) => places(priority).reduce((sum, place) => sum + place, 0) / 4;
  expect(middle('High')).toBeLessThan(middle('Normal') - 2);
  expect(middle('Normal')).toBeLessThan(middle('Low') - 2);
});
