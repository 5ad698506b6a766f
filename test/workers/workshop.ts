import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { filesystemStore, prefixed } from '../../src/connectors/stores/filesystem.ts';
import { type Lake, listManifests, putSpec } from '../../src/lake/lake.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { stepMeter } from '../../src/observability/stepMeter.ts';
import { openBusy } from '../../src/queue/busy.ts';
import { connect, type RedisAddress } from '../../src/queue/connection.ts';
import { type PoolName, prefixOf, type QueueStage, queueName } from '../../src/queue/names.ts';
import type { PlanPayload, PlanResult, QueuedStep, StepPayload } from '../../src/queue/payload.ts';
import { openWaves, type WaveState, type Waves } from '../../src/queue/waves.ts';
import { type Json, sha256 } from '../../src/run/key.ts';
import type { RunReport } from '../../src/run/report.ts';
import type { Failure, Manifest, Step, StepResult } from '../../src/run/types.ts';
import type { ConnectedConfig } from '../../src/workers/config.ts';
import { serve } from '../../src/workers/serve.ts';
import type { StageContext } from '../../src/workers/stage.ts';
import type { Served, Workplace } from '../../src/workers/step.ts';
import { localLimits } from '../connectors/http/localLimits.ts';

export const namespace = 'test';
const asOf = '2026-11-20T12:00:00.000Z';

/** What an extract step of a test does; the default reads nothing. */
export type Work = (context: StageContext<never>, shop: Shop) => Promise<StepResult>;
/** What the plans of a test find; the default finds nothing missing. */
export type Plan = (payload: PlanPayload, failures: readonly Failure[], shop: Shop) => Promise<PlanResult>;

export interface Shop {
  readonly redis: Redis;
  readonly waves: Waves;
  readonly lake: Lake;
  readonly pipeline: string;
  readonly place: Workplace;
  readonly served: Served;
  /** Starts workers of a pool, in this process, until the test ends or they are closed. */
  work(pool: PoolName): { close(graceMs?: number): Promise<void> };
  queue(stage: QueueStage): Queue;
  step(name: string): Promise<QueuedStep>;
  payload(run: string): PlanPayload;
  /** Waits until the plan of a wave has ended. */
  ended(run: string, wave: number): Promise<WaveState>;
  manifests(): Promise<Manifest[]>;
}

export interface ShopOptions {
  readonly pipeline: string;
  readonly extract?: Work;
  readonly plan?: Plan;
  /** Timeout in the spec of extract steps. */
  readonly timeout?: string;
}

export const nothingRead: StepResult = {
  ledger: { listed: 0, fetched: 0, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
};

/** A plan that finds nothing missing. */
export const finished = (failures: readonly Failure[] = []): PlanResult => ({
  steps: [],
  failures,
  report: { v: 1, status: 'Succeeded', seconds: 1, datasets: [], models: [], why: [] } as unknown as RunReport,
});

/** Queues, workers and a lake of one pipeline over a real Redis; the stages are the test's own. */
export async function openShop(address: RedisAddress, options: ShopOptions): Promise<Shop> {
  const { pipeline, extract = async () => nothingRead, plan = async (_, failures) => finished(failures) } = options;
  const folder = await mkdtemp(join(tmpdir(), 'jobpulse-shop-'));
  const redis = connect(address);
  const waves = openWaves(redis, namespace);
  const config = { namespace, redis: address, lake: folder, concurrency: 2 } as ConnectedConfig;
  const name = `${namespace}/${pipeline}`;
  const lake: Lake = { store: prefixed(filesystemStore(folder), name), pipeline: name };
  const queues = new Map<QueueStage, Queue>();
  const open: { close(graceMs?: number): Promise<void> }[] = [];
  onTestFinished(async () => {
    await Promise.all(open.map((each) => each.close()));
    await waves.close();
    await Promise.all([...queues.values()].map((queue) => queue.close()));
    redis.disconnect();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const place: Workplace = {
    meter: stepMeter(createMetrics(), 'default', 'clean'),
    ...{ namespace, worker: 'one', redis, busy: openBusy(redis, namespace, 'extract', 'one') },
    ...{ scratch: join(folder, 'scratch'), allowPrivateNetworks: false, limits: localLimits() },
    stages: { Extract: (context) => extract(context, shop) },
    plan: (_, payload, failures) => plan(payload, failures, shop),
    secret: () => undefined,
    redact: (text) => text.replaceAll('hunter2', '***'),
    crashPoint: () => undefined,
    log: pino({ level: 'silent' }),
  };
  const spec = { stage: 'Extract', dataset: 'postings', extract: { timeout: options.timeout ?? '10m' } };
  const shop: Shop = {
    ...{ redis, waves, lake, pipeline, place, served: { lake, shared: lake.store, filesRoot: folder } },
    work: (pool) => {
      const server = serve(place, { ...config, pool }, pipeline, folder);
      open.push(server);
      return server;
    },
    queue: (stage) => {
      const known = queues.get(stage) ?? new Queue(queueName(pipeline, stage), queueOptions(redis));
      queues.set(stage, known);
      return known;
    },
    step: async (label) => ({ step: stepOf(`${name}/${label}`, await putSpec(lake, spec as Json)) }),
    payload: (run) => planPayload(run),
    ended: (run, wave) => untilEnded(waves, pipeline, run, wave),
    manifests: () => listManifests(lake),
  };
  return shop;
}

const queueOptions = (redis: Redis) => ({ connection: redis, prefix: prefixOf(namespace) });

const stepOf = (identity: string, spec: string): Step => ({
  ...{ key: sha256(identity).slice(0, 20), stage: 'Extract', dataset: 'postings', part: '0', spec, inputs: [] },
  slice: { asOf, params: '00000000' },
});

const planPayload = (run: string): PlanPayload => ({
  ...{ v: 1, params: [], pipeline: {}, installation: 'here', warehouse: 'w', failures: [] },
  run: { name: run, asOf, from: 'Extract' },
  startedAt: asOf,
  notAfter: new Date(Date.now() + 3600_000).toISOString(),
});

/** What carries a step to `runStep`. */
export const stepPayload = (run: string, step: QueuedStep): StepPayload => ({
  ...{ v: 1, run, asOf, notAfter: new Date(Date.now() + 3600_000).toISOString() },
  ...step,
});

async function untilEnded(waves: Waves, pipeline: string, run: string, wave: number): Promise<WaveState> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const seen = await waves.look(pipeline, run, wave);
    if (seen.state === 'planned' || seen.state === 'failed') return seen;
    if (performance.now() > deadline) throw new Error(`wave ${wave} of ${run} is ${seen.state} after a minute`);
    await sleep(20);
  }
}
