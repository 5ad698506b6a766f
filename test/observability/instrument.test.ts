import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ApiError, type KubeApi, type KubeObject, type WorkQueue } from '../../src/controller/kubernetes/api.ts';
import { type ApiCall, countingApi } from '../../src/observability/countingApi.ts';
import { instrumentation, watchEventLoop } from '../../src/observability/instrument.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { scrape } from './scrape.ts';

const type = { group: '', version: 'v1', plural: 'things', kind: 'Thing' };
const thing: KubeObject = { apiVersion: 'v1', kind: 'Thing', metadata: { name: 'a', namespace: 'jobs' } };
const key = { namespace: 'jobs', name: 'a' };
const signal = new AbortController().signal;

/** Answers at once: what is counted is what the wrapper saw, whoever answers. */
const answering: KubeApi = {
  get: async () => undefined,
  list: async function* () {
    yield { items: [], resourceVersion: '1' };
  },
  watch: async function* () {
    yield { type: 'BOOKMARK', resourceVersion: '2' };
    throw new ApiError(410, 'Expired', 'too old');
  },
  create: async (_type, object) => object,
  apply: () => Promise.reject(new ApiError(409, 'Conflict', 'somebody else')),
  patch: () => Promise.reject(new Error('no answer')),
  delete: async () => undefined,
};

const quiet: WorkQueue = {
  add: () => undefined,
  addAfter: () => undefined,
  size: () => ({ waiting: 0, delayed: 0, active: 0 }),
  stop: async () => undefined,
};

test('every call is told with its verb, kind and status, and answers as before', async () => {
  const calls: ApiCall[] = [];
  const api = countingApi(answering, (call) => calls.push(call));
  await api.get(type, key);
  expect(await Array.fromAsync(api.list(type, {}, signal))).toEqual([{ items: [], resourceVersion: '1' }]);
  const seen: string[] = [];
  const watch = async () => {
    for await (const event of api.watch(type, { resourceVersion: '1' }, signal)) seen.push(event.type);
  };
  await expect(watch()).rejects.toThrow('too old');
  await api.create(type, thing);
  await expect(api.apply(type, thing, { fieldManager: 'x' })).rejects.toThrow('somebody else');
  await expect(api.patch(type, key, {})).rejects.toThrow('no answer');
  await api.delete(type, key);
  expect(seen).toEqual(['BOOKMARK']);
  expect(calls.map(({ verb, kind, code, isWrite }) => [verb, kind, code, isWrite].join(' '))).toEqual([
    'get Thing 200 false',
    'list Thing 200 false',
    'watch Thing 410 false',
    'create Thing 200 true',
    'apply Thing 409 true',
    'patch Thing none true',
    'delete Thing 200 true',
  ]);
});

test('writes of a resync are writes in the steady state; those of a change are not, also when both run at once', async () => {
  const metrics = createMetrics();
  const instruments = instrumentation(metrics);
  const api = instruments.api(answering);
  const reconcile = instruments.reconcile('pipelines', async () => {
    await sleep(5);
    await api.create(type, thing);
    await api.get(type, key);
    await api.delete(type, key);
  });
  const queue = instruments.queue('pipelines', quiet);
  queue.add('changed');
  queue.resync('changed'); // it waits for a change already
  queue.resync('resynced');
  queue.resync('changed too');
  queue.add('changed too');
  await Promise.all(['changed', 'resynced', 'changed too'].map((name) => reconcile(name, signal)));
  await reconcile('resynced', signal); // tried again: no resync called for this one
  await api.create(type, thing); // outside any reconcile
  const values = await scrape(metrics);
  expect(values.get('jobpulse_steady_state_writes_total{controller="pipelines"}')).toBe(2);
  expect(values.get('jobpulse_api_requests_total{verb="create",code="200"}')).toBe(5);
});

test('a quiet controller has zeros, not nothing, and tells what befalls it', async () => {
  const metrics = createMetrics();
  const instruments = instrumentation(metrics);
  instruments.reconcile('pipelines', async () => undefined);
  const watchRestarted = instruments.watch('Pipeline');
  const before = await scrape(metrics);
  expect(before.get('jobpulse_steady_state_writes_total{controller="pipelines"}')).toBe(0);
  expect(before.get('jobpulse_leader')).toBe(0);
  expect(before.get('jobpulse_events_dropped_total')).toBe(0);
  expect(before.get('jobpulse_watch_restarts_total{kind="Pipeline"}')).toBe(0);
  instruments.leads(true);
  instruments.eventDropped();
  watchRestarted();
  const after = await scrape(metrics);
  expect(after.get('jobpulse_leader')).toBe(1);
  expect(after.get('jobpulse_events_dropped_total')).toBe(1);
  expect(after.get('jobpulse_watch_restarts_total{kind="Pipeline"}')).toBe(1);
});

test('reconciles are counted by how they end, and an error reaches the queue', async () => {
  const metrics = createMetrics();
  const stopping = AbortSignal.abort();
  const reconcile = instrumentation(metrics).reconcile('runs', async (name) => {
    if (name !== 'good') throw new Error(`${name} is bad`);
  });
  await reconcile('good', signal);
  await expect(reconcile('worse', signal)).rejects.toThrow('worse is bad');
  await expect(reconcile('late', stopping)).rejects.toThrow('late is bad');
  const values = await scrape(metrics);
  for (const result of ['success', 'error', 'stopped']) {
    expect(values.get(`jobpulse_reconcile_total{controller="runs",result="${result}"}`), result).toBe(1);
  }
  expect(values.get('jobpulse_reconcile_seconds_count{controller="runs"}')).toBe(3);
});

test('the depth of a queue is told as it is at the scrape, and how long its keys waited', async () => {
  const metrics = createMetrics();
  const instruments = instrumentation(metrics);
  const added: string[] = [];
  const queue: WorkQueue = {
    add: (name) => void added.push(name),
    addAfter: (name) => void added.push(name),
    size: () => ({ waiting: added.length, delayed: 0, active: 0 }),
    stop: async () => undefined,
  };
  const measured = instruments.queue('runs', queue);
  const reconcile = instruments.reconcile('runs', async () => undefined);
  measured.add('a');
  measured.addAfter('b', 60_000);
  measured.add('b'); // the earlier time counts
  await sleep(60);
  await reconcile('a', signal);
  await reconcile('b', signal);
  await reconcile('a', signal); // tried again by the queue itself
  const values = await scrape(metrics);
  expect(added).toEqual(['a', 'b', 'b']);
  expect(values.get('jobpulse_work_queue_depth{controller="runs",state="waiting"}')).toBe(3);
  expect(values.get('jobpulse_work_queue_wait_seconds_count{controller="runs"}')).toBe(2);
  expect(values.get('jobpulse_work_queue_wait_seconds_sum{controller="runs"}')).toBeGreaterThan(0.1);
  expect(values.get('jobpulse_work_queue_wait_seconds_sum{controller="runs"}')).toBeLessThan(10);
});

test('a blocked event loop is seen at the next scrape', async () => {
  const metrics = createMetrics();
  const stop = watchEventLoop(metrics);
  await sleep(100);
  const until = performance.now() + 300;
  while (performance.now() < until);
  await sleep(100);
  const lag = (await scrape(metrics)).get('jobpulse_loop_lag_seconds{quantile="1"}');
  expect(lag).toBeGreaterThan(0.2);
  expect(lag).toBeLessThan(5);
  stop();
});
