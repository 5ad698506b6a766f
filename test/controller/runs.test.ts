import { afterAll, beforeAll, expect, test } from 'vitest';
import { withReport } from '../../src/controller/runStatus.ts';
import { reconcileRun } from '../../src/controller/runs.ts';
import type { World } from '../../src/controller/world.ts';
import { redisKeys } from '../../src/queue/names.ts';
import type { WaveState } from '../../src/queue/waves.ts';
import { TerminalError, TransientError } from '../../src/run/errors.ts';
import type { DatasetReport, RunReport } from '../../src/run/report.ts';
import { startRedis, type TestRedis } from '../servers/redis.ts';
import { finished, namespace, nothingRead, type ShopOptions } from '../workers/workshop.ts';
import { missing, openRun, planned, runOf, statusOf, toTheEnd } from './runWorld.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

const open = (pipeline: string, options: Omit<ShopOptions, 'pipeline'> = {}) =>
  openRun(server.connection, { pipeline, ...options });

test('a run is a plan, the steps it found, and a plan that finds nothing more', async () => {
  const { shop, world } = await open('whole', planned(missing('a', 'b')));
  expect(await toTheEnd(world, shop)).toBe(3);
  expect(world.written.map(({ wave, phase, steps }) => [wave, phase, steps])).toMatchObject([
    [0, 'Running', { total: 0, done: 0, running: 0, failed: 0 }],
    [1, 'Running', { total: 2, done: 0, running: 0, failed: 0 }],
    [1, 'Succeeded', { total: 2, done: 2, running: 0, failed: 0 }],
  ]);
  const [first, , last] = world.written;
  expect(first).toMatchObject({ observedGeneration: 3, startTime: '2026-11-20T12:00:01.000Z', asOf: first?.startTime });
  expect(last).toMatchObject({ asOf: first?.asOf, startTime: first?.startTime });
  expect(first?.conditions).toMatchObject([{ type: 'Succeeded', status: 'Unknown', reason: 'Running' }]);
  expect(last?.conditions?.[0]).toMatchObject({ type: 'Succeeded', status: 'True', reason: 'Completed' });
  expect(Date.parse(last?.finishTime ?? '')).toBeGreaterThan(Date.parse(first?.startTime ?? ''));
  expect(await shop.queue('clean').getJobCounts()).toMatchObject({ completed: 0, waiting: 0, 'waiting-children': 0 });
  expect(await shop.queue('extract').getJobCounts()).toMatchObject({ completed: 0 });
});

test('reconciling many times at once adds one wave, and while nothing changes in it writes nothing', async () => {
  const gate = Promise.withResolvers<void>();
  const steps: string[] = [];
  const { asked, plan } = planned(missing('a', 'b'));
  const { shop, world } = await open('idempotent', {
    plan,
    extract: async ({ step }) => {
      steps.push(step.key);
      await gate.promise;
      return nothingRead;
    },
  });
  const often = () => Promise.all(Array.from({ length: 20 }, () => reconcileRun(world, 'r')));
  await often();
  await shop.ended('r', 0);
  await often();
  expect(statusOf(world)).toMatchObject({ wave: 1, steps: { total: 2, done: 0, failed: 0 } });
  expect(await shop.queue('clean').getJobCounts()).toMatchObject({ 'waiting-children': 1, completed: 1 });
  await expect.poll(() => steps.length).toBe(2);
  await often(); // counts the steps under way
  const before = world.written.length;
  expect(statusOf(world).steps).toMatchObject({ total: 2, done: 0, running: 2, failed: 0 });
  await often();
  expect(world.written).toHaveLength(before);
  gate.resolve();
  await shop.ended('r', 1);
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({ wave: 1, phase: 'Succeeded', steps: { total: 2, done: 2 } });
  const ended = world.written.length;
  await often();
  expect(world.written).toHaveLength(ended);
  expect(steps).toHaveLength(2);
  expect(asked).toHaveLength(2);
});

test('a controller that ended between adding a wave and writing its number down adds nothing the next time', async () => {
  const steps: string[] = [];
  const { asked, plan } = planned(missing('a'));
  const { shop, world } = await open('crashed', {
    plan,
    extract: async ({ step }) => {
      steps.push(step.key);
      throw new TerminalError('Unauthorized', 'no');
    },
  });
  const dying: World = { ...world, writeRunStatus: () => Promise.reject(new Error('killed')) };
  await expect(reconcileRun(dying, 'r')).rejects.toThrow('killed');
  await reconcileRun(world, 'r');
  await shop.ended('r', 0);
  await expect(reconcileRun(dying, 'r')).rejects.toThrow('killed');
  await shop.ended('r', 1);
  await toTheEnd(world, shop);
  expect(asked).toHaveLength(2);
  expect(steps).toHaveLength(1);
  expect(statusOf(world).steps).toMatchObject({ total: 1, done: 0, failed: 1 });
});

test('an emptied Redis is planned again, under another number, and no step counts twice', async () => {
  let wiped = false;
  const { asked, plan } = planned(missing('a', 'b'), missing('a', 'b'));
  const { shop, world } = await open('wiped', {
    plan,
    extract: async (_, shop) => {
      if (!wiped) {
        wiped = true;
        await shop.redis.flushall();
      }
      return nothingRead;
    },
  });
  await reconcileRun(world, 'r');
  await shop.ended('r', 0);
  await reconcileRun(world, 'r');
  await expect.poll(() => wiped).toBe(true);
  await expect.poll(() => shop.waves.look('wiped', 'r', 1)).toEqual({ state: 'missing' } satisfies WaveState);
  await reconcileRun(world, 'r');
  expect(statusOf(world)).toMatchObject({ wave: 2, steps: { total: 0, done: 0 } });
  await shop.ended('r', 2);
  await toTheEnd(world, shop);
  expect(statusOf(world)).toMatchObject({ wave: 3, phase: 'Succeeded', steps: { total: 2, done: 2, failed: 0 } });
  expect(asked).toHaveLength(3);
  expect(await shop.manifests()).toHaveLength(2);
});

test('steps that wait for a server say so in the condition of the run, once, until they go on', async () => {
  let isAway = true;
  const { shop, world: past } = await open('held-up', {
    ...planned(missing('a')),
    extract: async () => {
      if (isAway) throw new TransientError('the bucket does not answer', 'StoreUnreachable');
      return nothingRead;
    },
  });
  const world = { ...past, now: () => new Date() }; // a step of another day would be out of time
  await reconcileRun(world, 'r');
  await shop.ended('r', 0);
  await reconcileRun(world, 'r');
  const condition = async () => {
    await reconcileRun(world, 'r');
    return statusOf(world).conditions?.find(({ type }) => type === 'Succeeded');
  };
  await expect.poll(condition).toMatchObject({
    ...{ status: 'Unknown', reason: 'LakeAway' },
    message: '0 of 1 steps; the server of the lake does not answer; steps wait for it',
  });
  const told = () => world.written.filter(({ conditions }) => conditions?.[0]?.reason === 'LakeAway').length;
  for (let look = 0; look < 5; look += 1) await condition();
  expect(told()).toBe(1);
  expect(await shop.redis.pttl(redisKeys.away(namespace, 'r'))).toBeGreaterThan(0);

  await shop.redis.del(redisKeys.away(namespace, 'r')); // as when nobody has told of it for a while
  expect(await condition()).toMatchObject({ status: 'Unknown', reason: 'Running' });
  isAway = false;
  const [waiting] = await shop.queue('extract').getDelayed();
  expect(waiting?.attemptsMade).toBe(0);
  await waiting?.promote();
  await shop.ended('r', 1);
  await toTheEnd(world, shop);
  expect(await condition()).toMatchObject({ status: 'True', reason: 'Completed' });
});

test('what failed for good is told to the next plan and stands in the status', async () => {
  const { asked, plan } = planned(missing('a'), missing('b'), (failures) => ({
    ...finished(failures),
    report: reportOf({ status: 'Failed', why: [broken] }),
  }));
  const broken = { dataset: 'postings', reason: 'Broken', message: 'the first is broken' };
  let first = true;
  const { shop, world } = await open('failing', {
    plan,
    extract: async () => {
      if (!first) return nothingRead;
      first = false;
      throw new TerminalError(broken.reason, broken.message);
    },
  });
  await toTheEnd(world, shop);
  expect(asked.map(({ failures }) => failures.map(({ reason }) => reason))).toEqual([[], [], ['Broken']]);
  expect(statusOf(world)).toMatchObject({
    phase: 'Failed',
    steps: { total: 2, done: 1, failed: 1 },
    failures: [{ dataset: 'postings', stage: 'Extract', reason: 'Broken', message: 'the first is broken' }],
    conditions: [
      { type: 'Succeeded', status: 'False', reason: 'Broken', message: 'the first is broken' },
      { type: 'Conserved', status: 'Unknown', reason: 'NothingPublished' },
    ],
  });
});

const reportOf = (differing: Partial<RunReport>): RunReport => ({
  ...{ v: 1, run: 'r', pipeline: 'test/p', asOf: '2026-11-20T12:00:00.000Z', interval: null, status: 'Succeeded' },
  ...{ conserved: true, seconds: 2.5, datasets: [], models: [], why: [] },
  ...differing,
});

test('a report becomes the status of the run, dataset by dataset, and names where it is whole', async () => {
  const counts = {
    ...{ read: 10, expanded: 1, clean: 7, rejected: 2, filtered: 1, deduplicated: 1, added: 3, modified: 2 },
    ...{ unchanged: 1, superseded: 1, marked: 4, deleted: 5, seconds: 1.5 },
  };
  const dataset = { name: 'postings', slices: 1, requests: 9, rejectedBy: {}, ...counts } as unknown as DatasetReport;
  const { plan } = planned(() => ({ ...finished(), report: reportOf({ datasets: [dataset] }) }));
  const { shop, world } = await open('reported', { plan });
  await toTheEnd(world, shop);
  expect(statusOf(world)).toMatchObject({
    phase: 'Succeeded',
    reportURI: 'test/p/_jobpulse/runs/r.json',
    conditions: [
      { type: 'Succeeded', message: 'finished in 2.5 s' },
      {
        ...{ type: 'Conserved', status: 'True', reason: 'Balanced' },
        message: '10 read + 1 expanded = 7 clean + 2 rejected + 1 filtered + 1 deduplicated',
      },
    ],
  });
  expect(statusOf(world).datasets).toEqual([{ name: 'postings', covered: [], unavailable: [], ...counts }]);
});

test('what does not add up, or was not published, is told as such', async () => {
  const dataset = (counts: object) =>
    ({ ...{ name: 'postings', slices: 1, read: 10, expanded: 0, clean: 9 }, ...counts }) as unknown as DatasetReport;
  const none = { rejected: 0, filtered: 0, deduplicated: 0 };
  const told = (report: Partial<RunReport>) =>
    withReport(runOf('p'), reportOf(report), new Date(0)).status?.conditions?.[0];
  expect(told({ conserved: false, datasets: [dataset(none)] })).toMatchObject({
    ...{ type: 'Conserved', status: 'False', reason: 'Unbalanced' },
    message: 'postings: 10 read ≠ 9 clean + 0 rejected + 0 filtered + 0 deduplicated',
  });
  expect(told({ conserved: false, datasets: [dataset({ ...none, rejected: 1 })] })).toMatchObject({ status: 'False' });
  expect(told({ datasets: [dataset({ ...none, slices: 0 })] })).toMatchObject({
    ...{ status: 'Unknown', reason: 'NothingPublished' },
  });
});

test('a plan that fails for good ends the run with its reason', async () => {
  const { plan } = planned(() => {
    throw new TerminalError('LakeClaimed', 'somebody else writes here');
  });
  const { shop, world } = await open('planless', { plan });
  await toTheEnd(world, shop);
  expect(statusOf(world)).toMatchObject({
    phase: 'Failed',
    conditions: [{ status: 'False', reason: 'LakeClaimed', message: 'somebody else writes here' }],
  });
  expect(await shop.queue('clean').getJobCounts()).toMatchObject({ failed: 0, completed: 0 });
});

test('a run of a pipeline that is not there fails and says so', async () => {
  const { shop, world } = await open('gone');
  world.pipelines.clear();
  await toTheEnd(world, shop);
  expect(statusOf(world)).toMatchObject({
    phase: 'Failed',
    conditions: [{ status: 'False', reason: 'PipelineMissing', message: expect.stringContaining('no Pipeline gone') }],
  });
});

test('a run that is gone, or has ended, is left alone', async () => {
  const { shop, world } = await open('left');
  await reconcileRun(world, 'another');
  world.runs.set('r', { ...runOf('left'), status: { phase: 'Failed' } });
  await reconcileRun(world, 'r');
  expect(world.written).toEqual([]);
  expect(await shop.queue('clean').getJobCounts()).toMatchObject({ waiting: 0, completed: 0 });
});
