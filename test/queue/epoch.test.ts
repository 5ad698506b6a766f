import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { connect } from '../../src/queue/connection.ts';
import { claimEpoch, openFence, readEpoch } from '../../src/queue/epoch.ts';
import { prefixOf, redisKeys } from '../../src/queue/names.ts';
import type { PlanPayload } from '../../src/queue/payload.ts';
import { openWaves, type Waves } from '../../src/queue/waves.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = connect(server.connection);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const stale = { reason: 'StaleLeader', message: expect.stringContaining('epoch 8') };

const plan = (run: string): PlanPayload => ({
  ...{ v: 1, params: [], pipeline: {}, installation: 'here', warehouse: 'w', failures: [] },
  run: { name: run, asOf: '2026-11-20T12:00:00.000Z', from: 'Extract' },
  ...{ startedAt: '2026-11-20T12:00:00.000Z', notAfter: '2026-11-21T12:00:00.000Z' },
});

function leader(namespace: string, epoch: number): Waves {
  const waves = openWaves(redis, namespace, () => epoch);
  onTestFinished(() => waves.close());
  return waves;
}

const add = (waves: Waves, run: string): Promise<void> => waves.add('p', 0, plan(run), []);

test('an epoch is claimed once and for all: a greater one takes over, a smaller one is refused', async () => {
  expect(await readEpoch(redis, 'claims')).toBeUndefined();
  await claimEpoch(redis, 'claims', 7);
  await claimEpoch(redis, 'claims', 7);
  await claimEpoch(redis, 'claims', 8);
  await expect(claimEpoch(redis, 'claims', 7)).rejects.toMatchObject(stale);
  expect(await readEpoch(redis, 'claims')).toBe(8);
});

test('after a later controller has claimed its epoch, no job of the one before appears', async () => {
  const [old, young] = [leader('race', 7), leader('race', 8)];
  const queue = new Queue('p.clean', { connection: redis, prefix: prefixOf('race') });
  onTestFinished(() => queue.close());
  const jobsOf = async (who: string) => (await queue.getWaiting(0, -1)).filter(({ id }) => id?.startsWith(who)).length;
  const adds = Promise.allSettled(Array.from({ length: 200 }, (_, index) => add(old, `old-${index}`)));
  while ((await jobsOf('old')) < 20);
  await claimEpoch(redis, 'race', 8);
  const seenAtClaim = await jobsOf('old');
  const taken = Promise.all(Array.from({ length: 200 }, (_, index) => add(young, `young-${index}`)));
  const refused = (await adds).filter(({ status }) => status === 'rejected');
  await taken;
  expect(refused.length).toBeGreaterThan(50);
  expect(refused.every((each) => each.status === 'rejected' && each.reason.reason === 'StaleLeader')).toBe(true);
  expect(await jobsOf('old')).toBe(seenAtClaim);
  expect(await jobsOf('young')).toBe(200);
  await expect(old.forget('p', 'young-1', 0)).rejects.toMatchObject(stale);
  expect(await jobsOf('young')).toBe(200);
});

test('a claim that falls between the look at the epoch and the transaction calls the transaction off', async () => {
  const fence = openFence(redis, 'between', () => 7);
  onTestFinished(() => fence.close());
  const added = fence.add(async (flows) => {
    await claimEpoch(redis, 'between', 8);
    await flows.add({ name: 'plan', queueName: 'p.clean' });
  });
  await expect(added).rejects.toMatchObject(stale);
  expect(await redis.exists(`${prefixOf('between')}:p.clean:wait`)).toBe(0);
});

test('an emptied Redis is written to again, under the same epoch', async () => {
  const fence = openFence(redis, 'emptied', () => 7);
  onTestFinished(() => fence.close());
  let wiped = 0;
  await fence.add(async (flows) => {
    if (wiped++ === 0) await redis.del(redisKeys.epoch('emptied'));
    await flows.add({ name: 'plan', queueName: 'p.clean' });
  });
  expect(await redis.llen(`${prefixOf('emptied')}:p.clean:wait`)).toBe(1);
  expect(wiped).toBe(2);
  expect(await readEpoch(redis, 'emptied')).toBe(7);
});

test('a connection that breaks within an add takes the add with it; the next one has a connection of its own', async () => {
  const fence = openFence(redis, 'broken', () => 7);
  onTestFinished(() => fence.close());
  const added = fence.add(async (flows) => {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES');
    await flows.add({ name: 'plan', queueName: 'p.clean' });
  });
  await expect(added).rejects.toThrow();
  expect(await redis.exists(`${prefixOf('broken')}:p.clean:wait`)).toBe(0);
  await fence.add(async (flows) => void (await flows.add({ name: 'plan', queueName: 'p.clean' })));
  expect(await redis.llen(`${prefixOf('broken')}:p.clean:wait`)).toBe(1);
});

test('many namespaces hold no connection while nothing is added to them', async () => {
  const connections = async () => ((await redis.client('LIST')) as string).trim().split('\n').length;
  const before = await connections();
  for (let index = 0; index < 30; index += 1) await add(leader(`many-${index}`, 7), 'a');
  await expect.poll(connections).toBeLessThanOrEqual(before);
});
