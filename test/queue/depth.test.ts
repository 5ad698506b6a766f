import { Queue, Worker } from 'bullmq';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { connect, ownConnection } from '../../src/queue/connection.ts';
import { readDepths } from '../../src/queue/depth.ts';
import { prefixOf, queueName } from '../../src/queue/names.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const minuteAgo = () => Date.now() - 60_000;

test('tells what is in the queues as BullMQ keeps it, and how old what is next is', async () => {
  const redis = connect(server.connection);
  const options = { connection: ownConnection(server.connection), prefix: prefixOf('jobs') };
  const queue = new Queue(queueName('a', 'clean'), options);
  onTestFinished(async () => {
    await queue.close();
    redis.disconnect();
  });
  await queue.add('step', {}, { timestamp: minuteAgo() });
  await queue.add('step', {}, {});
  await queue.add('step', {}, { priority: 3 });
  await queue.add('step', {}, { delay: 3_600_000 });
  const depths = await readDepths(redis, 'jobs', ['a', 'nobody'], Date.now());
  expect(depths).toHaveLength(8);
  const clean = depths.find(({ pipeline, stage }) => pipeline === 'a' && stage === 'clean');
  expect(clean?.jobs).toEqual({ waiting: 2, prioritized: 1, delayed: 1, active: 0, failed: 0 });
  expect(clean?.oldestSeconds).toBeGreaterThan(59);
  expect(clean?.oldestSeconds).toBeLessThan(90);
  const none = { waiting: 0, prioritized: 0, delayed: 0, active: 0, failed: 0 };
  expect(
    depths.filter((depth) => depth !== clean).map(({ jobs, oldestSeconds }) => ({ ...jobs, oldestSeconds })),
  ).toEqual(Array(7).fill({ ...none, oldestSeconds: 0 }));
  const agrees = await queue.getJobCounts('waiting', 'prioritized', 'delayed', 'active', 'failed');
  expect(clean?.jobs).toEqual(agrees);
});

test('a step that is under way or failed is told apart', async () => {
  const redis = connect(server.connection);
  const options = { connection: ownConnection(server.connection), prefix: prefixOf('jobs') };
  const queue = new Queue(queueName('b', 'load'), options);
  const started = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const worker = new Worker(
    queueName('b', 'load'),
    async ({ name }) => {
      if (name === 'bad') throw new Error('bad');
      started.resolve();
      await finish.promise;
    },
    options,
  );
  onTestFinished(async () => {
    finish.resolve();
    await Promise.all([worker.close(), queue.close()]);
    redis.disconnect();
  });
  await queue.add('bad', {});
  await queue.add('long', {});
  await started.promise;
  const load = (await readDepths(redis, 'jobs', ['b'], Date.now())).find(({ stage }) => stage === 'load');
  expect(load?.jobs).toEqual({ waiting: 0, prioritized: 0, delayed: 0, active: 1, failed: 1 });
});

test('a thousand pipelines are read in a moment', async () => {
  const redis = connect(server.connection);
  onTestFinished(() => redis.disconnect());
  await redis.ping();
  const names = Array.from({ length: 1000 }, (_, i) => `p${i}`);
  const began = performance.now();
  expect(await readDepths(redis, 'jobs', names, Date.now())).toHaveLength(4000);
  expect(performance.now() - began).toBeLessThan(2_000);
});

test('rejects while Redis is away', async () => {
  const redis = connect({ path: '/nowhere/redis.sock' }).on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  await expect(readDepths(redis, 'jobs', ['a'], Date.now())).rejects.toThrow('Redis is away');
});
