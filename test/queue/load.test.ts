import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { busyMs, listBusy, openBusy } from '../../src/queue/busy.ts';
import { connect } from '../../src/queue/connection.ts';
import { type Loads, openLoads } from '../../src/queue/load.ts';
import { prefixOf, type QueueStage, queueName, redisKeys } from '../../src/queue/names.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';

const namespace = 'load';
const nothing = { waiting: 0, prioritized: 0, active: 0, due: 0, busy: [] };
let server: TestRedis;
let redis: Redis;
let loads: Loads;
const queues: Queue[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = connect(server.connection);
  loads = openLoads(redis, namespace);
  await redis.ping();
});
afterAll(async () => {
  await Promise.all(queues.map((queue) => queue.close()));
  redis.disconnect();
  await server.stop();
});

function queue(pipeline: string, stage: QueueStage): Queue {
  const opened = new Queue(queueName(pipeline, stage), { connection: redis, prefix: prefixOf(namespace) });
  queues.push(opened);
  return opened;
}

test('the load of a pool is what its queues hold, over all pipelines it serves', async () => {
  const now = Date.now();
  expect(await loads.read('warehouse', ['jobs', 'news'], now)).toEqual(nothing);
  const [load, transform, other, extract] = [
    queue('jobs', 'load'),
    queue('jobs', 'transform'),
    queue('news', 'load'),
    queue('jobs', 'extract'),
  ];
  for (let job = 0; job < 3; job += 1) await load.add('Load', {});
  await transform.add('Transform', {}, { priority: 5 });
  await other.add('Load', {});
  await other.add('Load', {}, { delay: 60_000 });
  await extract.add('Extract', {});
  expect(await loads.read('warehouse', ['jobs', 'news'], now)).toEqual({ ...nothing, waiting: 4, prioritized: 1 });
  expect(await loads.read('warehouse', ['jobs'], now)).toEqual({ ...nothing, waiting: 3, prioritized: 1 });
  expect(await loads.read('extract', ['jobs'], now)).toEqual({ ...nothing, waiting: 1 });
});

test('every queue of many pipelines is counted in one round trip, with the age of what is next', async () => {
  const [steps, other] = [queue('counted', 'clean'), queue('counted', 'load')];
  const first = await steps.add('Clean', {});
  await steps.add('Clean', {});
  await steps.add('Clean', {}, { priority: 10 });
  await other.add('Load', {}, { delay: 60_000 });
  const many = Array.from({ length: 250 }, (_, index) => `p${index}`);
  const counted = await loads.readQueues([...many, 'counted'], first.timestamp + 5_000);
  const empty = { waiting: 0, prioritized: 0, active: 0, due: 0, failed: 0 };
  expect(counted?.size).toBe(251);
  expect(counted?.get('p7')).toEqual({ extract: empty, clean: empty, load: empty, transform: empty });
  const clean = { ...empty, waiting: 2, prioritized: 1, oldestSeconds: 5 };
  expect(counted?.get('counted')).toEqual({ extract: empty, clean, load: empty, transform: empty });
  const later = await loads.readQueues(['counted'], first.timestamp + 120_000);
  expect(later?.get('counted')?.load).toMatchObject({ due: 1, oldestSeconds: expect.closeTo(120, 0) });
  expect(await loads.readQueues([], 0)).toEqual(new Map());
});

test('a Redis that is away has no load that anybody knows of', async () => {
  const away = connect({ path: '/no/such/socket' }).on('error', () => undefined);
  expect(await openLoads(away, namespace).read('extract', ['jobs'], Date.now())).toBeUndefined();
  away.disconnect();
});

test('a delayed job counts from the millisecond in which it is due', async () => {
  const added = await queue('delays', 'clean').add('Clean', {}, { delay: 60_000 });
  const dueAt = added.timestamp + 60_000;
  expect((await loads.read('clean', ['delays'], dueAt - 1))?.due).toBe(0);
  expect((await loads.read('clean', ['delays'], dueAt))?.due).toBe(1);
});

test('a job under way is active, and one that waits for others is no load', async () => {
  const steps = queue('going', 'clean');
  await steps.add('Clean', {});
  const started = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const work = async () => {
    started.resolve();
    await finish.promise;
  };
  const options = { connection: connect(server.connection), prefix: prefixOf(namespace) };
  const worker = new Worker(steps.name, work, options);
  await started.promise;
  expect(await loads.read('clean', ['going'], Date.now())).toEqual({ ...nothing, active: 1 });
  finish.resolve();
  await worker.close();
  expect(await loads.read('clean', ['going'], Date.now())).toEqual(nothing);
});

test('a worker is busy from the start of its step until the beat after which there was none', async () => {
  const worker = openBusy(redis, namespace, 'extract', 'one');
  const finish = Promise.withResolvers<void>();
  const step = worker.during(() => finish.promise);
  expect(await listBusy(redis, namespace, 'extract')).toEqual(['one']);
  expect((await loads.read('extract', [], Date.now()))?.busy).toEqual(['one']);
  expect(await listBusy(redis, namespace, 'clean')).toEqual([]);
  worker.beat();
  worker.beat();
  expect(await listBusy(redis, namespace, 'extract')).toEqual(['one']);
  finish.resolve();
  await step;
  worker.beat();
  expect(await listBusy(redis, namespace, 'extract')).toEqual(['one']);
  worker.beat();
  expect(await listBusy(redis, namespace, 'extract')).toEqual([]);
});

test('a worker that died is forgotten, and so is the key when it was the last', async () => {
  const key = redisKeys.busy(namespace, 'warehouse');
  void openBusy(redis, namespace, 'warehouse', 'dead').during(() => new Promise(() => undefined));
  expect(await listBusy(redis, namespace, 'warehouse')).toEqual(['dead']);
  await sleep(busyMs / 2);
  const alive = openBusy(redis, namespace, 'warehouse', 'alive');
  void alive.during(() => new Promise(() => undefined));
  await sleep(busyMs / 2 + 100);
  expect(await listBusy(redis, namespace, 'warehouse')).toEqual(['alive']);
  alive.beat();
  expect(await redis.zcard(key)).toBe(1);
  expect(await redis.pttl(key)).toBeGreaterThan(0);
  await sleep(busyMs + 100);
  expect(await redis.exists(key)).toBe(0);
}, 30_000);
