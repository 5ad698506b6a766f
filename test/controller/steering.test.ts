import { afterAll, beforeAll, expect, test } from 'vitest';
import { lookAgainMs, reconcileRun } from '../../src/controller/runs.ts';
import type { World } from '../../src/controller/world.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';
import { nothingRead, type ShopOptions } from '../workers/workshop.ts';
import { ask, missing, openRun, planned, statusOf, type TestWorld, toTheEnd } from './runWorld.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** A run of five steps, two of which are under way and wait for the gate. */
async function atWork(pipeline: string, options: Omit<ShopOptions, 'pipeline' | 'extract'> = {}) {
  const gate = Promise.withResolvers<void>();
  const begun: string[] = [];
  const extract: ShopOptions['extract'] = async ({ step }) => {
    begun.push(step.key);
    await gate.promise;
    return nothingRead;
  };
  const five = missing('a', 'b', 'c', 'd', 'e');
  const { asked, plan } = planned(five, missing('c', 'd', 'e'));
  const { shop, world } = await openRun(server.connection, { pipeline, extract, plan, ...options });
  await reconcileRun(world, 'r');
  await shop.ended('r', 0);
  await reconcileRun(world, 'r');
  await expect.poll(() => begun.length).toBe(2);
  return { shop, world, gate, begun, asked };
}

const written = (world: TestWorld) => world.written.length;

test('a paused run lets its steps end, says how many those are, and goes on with what is missing', async () => {
  const { shop, world, gate, begun, asked } = await atWork('paused');
  ask(world, { state: 'Pause' });
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({
    phase: 'Paused',
    steps: { total: 5, done: 0, running: 2, failed: 0 },
    conditions: [{ status: 'Unknown', reason: 'Paused', message: 'paused at 0 of 5 steps; 2 steps are under way' }],
  });
  expect(await shop.queue('extract').getJobCounts()).toMatchObject({ waiting: 0, active: 2 });
  const run = () => world.runs.get('r');
  expect(run() && lookAgainMs(run() as never)).toBeGreaterThan(0);
  const before = written(world);
  await reconcileRun(world, 'r');
  expect(written(world)).toBe(before);
  gate.resolve();
  await expect.poll(() => shop.queue('extract').getActiveCount()).toBe(0);
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({
    steps: { total: 5, done: 2, running: 0 },
    conditions: [{ message: 'paused at 2 of 5 steps; nothing is under way' }],
  });
  expect(lookAgainMs(run() as never)).toBeUndefined();
  ask(world, { state: 'Run' });
  await toTheEnd(world, shop);
  expect(statusOf(world)).toMatchObject({ phase: 'Succeeded', steps: { total: 5, done: 5, running: 0, failed: 0 } });
  expect(begun).toHaveLength(5);
  expect(asked).toHaveLength(3);
});

test('pausing, going on and cancelling may be cut short by a crash at any write', async () => {
  const { shop, world, gate } = await atWork('cut');
  const dying: World = { ...world, writeRunStatus: () => Promise.reject(new Error('conflict')) };
  ask(world, { state: 'Pause' });
  await expect(reconcileRun(dying, 'r')).rejects.toThrow('conflict');
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({ phase: 'Paused', steps: { total: 5, running: 2 } });
  gate.resolve();
  await expect.poll(() => shop.queue('extract').getActiveCount()).toBe(0);
  ask(world, { state: 'Run' });
  await expect(reconcileRun(dying, 'r')).rejects.toThrow('conflict');
  ask(world, { state: 'Pause' });
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({ phase: 'Paused', wave: 1 });
  ask(world, { state: 'Run' });
  await reconcileRun(world, 'r');
  await shop.ended('r', 2);
  ask(world, { state: 'Cancel' });
  await expect(reconcileRun(dying, 'r')).rejects.toThrow('conflict');
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({ phase: 'Cancelled', finishTime: expect.any(String) });
  const none = { waiting: 0, active: 0, delayed: 0, 'waiting-children': 0, prioritized: 0 };
  expect(await shop.queue('extract').getJobCounts()).toMatchObject(none);
  expect(await shop.queue('clean').getJobCounts()).toMatchObject(none);
});

test('a run that is paused before it began begins when it goes on', async () => {
  const { shop, world } = await openRun(server.connection, { pipeline: 'early' });
  ask(world, { state: 'Pause' });
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({ phase: 'Paused', steps: { total: 0, running: 0 } });
  ask(world, { state: 'Run' });
  await toTheEnd(world, shop);
  expect(statusOf(world)).toMatchObject({ phase: 'Succeeded' });
});

test('a run whose end was found is over, also when it is to pause', async () => {
  const { shop, world } = await openRun(server.connection, { pipeline: 'over' });
  await reconcileRun(world, 'r');
  await shop.ended('r', 0);
  ask(world, { state: 'Pause' });
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({ phase: 'Succeeded' });
});

test('another priority is that of all that waits', async () => {
  const { shop, world, gate } = await atWork('reranked');
  ask(world, { priority: 'Low' });
  await reconcileRun(world, 'r');
  expect(await shop.queue('extract').getJobCounts()).toMatchObject({ waiting: 0, prioritized: 0, active: 2 });
  expect(statusOf(world)).toMatchObject({ phase: 'Running', wave: 2 });
  await shop.ended('r', 2);
  await reconcileRun(world, 'r');
  expect(await shop.queue('extract').getJobCounts()).toMatchObject({ waiting: 0, prioritized: 3 });
  gate.resolve();
  await toTheEnd(world, shop);
  expect(statusOf(world)).toMatchObject({ phase: 'Succeeded' });
});

test('a cancelled run takes its waiting steps out of the queues and ends, with or without its pipeline', async () => {
  const { shop, world, gate, asked } = await atWork('cancelled');
  ask(world, { state: 'Cancel' });
  world.pipelines.clear();
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({
    phase: 'Cancelled',
    steps: { total: 5, done: 0, running: 2, failed: 0 },
    conditions: [{ status: 'False', reason: 'Cancelled', message: expect.stringContaining('2 steps are under way') }],
  });
  expect(await shop.queue('extract').getJobCounts()).toMatchObject({ waiting: 0, active: 2 });
  const { finishTime } = statusOf(world);
  gate.resolve();
  await expect.poll(() => shop.queue('extract').getActiveCount()).toBe(0);
  expect(asked).toHaveLength(1);
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({
    ...{ phase: 'Cancelled', finishTime },
    steps: { total: 5, done: 2, running: 0, failed: 0 },
    conditions: [{ status: 'False', reason: 'Cancelled', message: expect.stringContaining('nothing is under way') }],
  });
  const writes = world.written.length;
  await reconcileRun(world, 'r');
  expect(world.written).toHaveLength(writes);
});
