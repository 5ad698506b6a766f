import { pino } from 'pino';
import { afterEach, expect, test, vi } from 'vitest';
import type { PoolSettings } from '../../../src/controller/kubernetes/render/pools.ts';
import { type ScalablePipeline, type Scaler, startScaler } from '../../../src/controller/kubernetes/scaling.ts';
import type { PipelineLoad, QueueLoad } from '../../../src/queue/load.ts';
import type { PoolName } from '../../../src/queue/names.ts';

const idle: QueueLoad = { waiting: 0, prioritized: 0, active: 0, due: 0, failed: 0 };
const settings: PoolSettings = { provider: 'Internal', concurrency: 1, min: 0, max: 4, resources: {} };

let scaler: Scaler | undefined;
afterEach(() => scaler?.stop());

/** A namespace of one Pipeline with a pool of cleaners, whose queue and size can be set. */
function world(change: Partial<PoolSettings> = {}) {
  const state = {
    clean: idle as QueueLoad | undefined,
    busy: [] as readonly string[],
    replicas: 0,
    now: 0,
    scaled: [] as { pool: PoolName; replicas: number; busy: readonly string[] }[],
    changes: 0,
    refuse: false,
    isLive: true,
  };
  const pipeline = (): ScalablePipeline => ({
    ...{ namespace: 'harbour', name: 'quay' },
    pools: new Map([['clean', { settings: { ...settings, ...change }, replicas: state.replicas }]]),
  });
  const queues = (clean: QueueLoad): PipelineLoad => ({ extract: idle, clean, load: idle, transform: idle });
  scaler = startScaler({
    live: () => (state.isLive ? [pipeline()] : []),
    pipelineOf: () => 'quay',
    loads: () => ({
      read: async () => undefined,
      readQueues: async () => state.clean && new Map([['quay', queues(state.clean)]]),
    }),
    busy: async () => new Map([['quay', state.busy]]),
    scale: async (_, pool, replicas, busy) => {
      state.scaled.push({ pool, replicas, busy });
      if (state.refuse) throw new Error('forbidden');
      state.replicas = replicas;
    },
    onChange: () => {
      state.changes += 1;
    },
    now: () => state.now,
    log: pino({ level: 'silent' }),
  });
  const look = async (): Promise<void> => {
    state.now += 1_000;
    const before = scaler?.seen('harbour', 'quay');
    scaler?.look();
    await vi.waitFor(() => expect(scaler?.seen('harbour', 'quay')).not.toBe(before), { timeout: 20_000 });
    await new Promise(setImmediate); // the pass has settled
  };
  return { state, look };
}

test('a pool follows its load, up to what it may have', async () => {
  const { state, look } = world();
  state.clean = { ...idle, waiting: 100 };
  await look();
  expect(state.scaled).toEqual([{ pool: 'clean', replicas: 4, busy: [] }]);
  await look();
  expect(state.scaled).toHaveLength(1);
});

test('what cannot be read changes nothing, and is said', async () => {
  const { state, look } = world();
  state.replicas = 3;
  state.clean = undefined;
  await look();
  expect(state.scaled).toEqual([]);
  expect(scaler?.seen('harbour', 'quay')?.decisions.get('clean')).toMatchObject({
    reason: 'QueuesUnreadable',
    replicas: 3,
  });
});

test('a pool that something else scales is left alone; what we would do is known', async () => {
  const { state, look } = world({ provider: 'External' });
  state.clean = { ...idle, waiting: 100 };
  await look();
  expect(state.scaled).toEqual([]);
  expect(scaler?.seen('harbour', 'quay')?.decisions.get('clean')?.replicas).toBe(4);
});

test('what was refused is tried again', async () => {
  const { state, look } = world();
  state.clean = { ...idle, waiting: 1 };
  state.refuse = true;
  await look();
  state.refuse = false;
  await look();
  expect(state.scaled.map(({ replicas }) => replicas)).toEqual([1, 1]);
  expect(state.replicas).toBe(1);
});

test('busy workers are named when a pool shrinks, and the last one goes after a cooldown', async () => {
  const { state, look } = world();
  state.clean = { ...idle, waiting: 4 };
  await look();
  state.clean = { ...idle, active: 1 };
  state.busy = ['quay-clean-1'];
  state.replicas = 4;
  state.now += 60_000;
  await look();
  expect(state.scaled.at(-1)).toEqual({ pool: 'clean', replicas: 1, busy: ['quay-clean-1'] });
  state.clean = idle;
  state.busy = [];
  await look();
  expect(state.replicas).toBe(1);
  state.now += 61_000;
  await look();
  expect(state.replicas).toBe(0);
});

test('a look at the same again has nothing new to say', async () => {
  const { state, look } = world();
  await look();
  const { changes } = state;
  await look();
  expect(state.changes).toBe(changes);
});

test('one that has come to rest is told of once, or its status would stay as it was last seen', async () => {
  const { state, look } = world();
  await look();
  expect(state.changes).toBe(1);
  state.isLive = false;
  await look();
  expect(scaler?.seen('harbour', 'quay')).toBeUndefined();
  expect(state.changes).toBe(2);
  state.now += 1_000;
  scaler?.look();
  await new Promise(setImmediate);
  expect(state.changes).toBe(2);
});
