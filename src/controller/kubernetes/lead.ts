import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { recordEndedRun } from '../../observability/endedRuns.ts';
import { eventsOfRun, eventsOfWork } from '../../observability/eventsOf.ts';
import type { Instrumentation, MeasuredQueue } from '../../observability/instrument.ts';
import type { Metrics } from '../../observability/metrics.ts';
import type { MetricsView } from '../../observability/view.ts';
import { type Heard, listenTo } from '../../queue/events.ts';
import { hasEnded, isSettled } from '../runs.ts';
import { jitterOf } from '../schedule.ts';
import type { EventRecorder, KubeApi } from './api.ts';
import type { Caches } from './caches.ts';
import type { Installation } from './installation.ts';
import { openPipelineReconciler } from './pipelineReconciler.ts';
import { reconcileWorkload } from './pipelines.ts';
import { busyWorkers, livePipelines, pipelineKeyOf, scalePool } from './pools.ts';
import { openRunReconciler } from './runs.ts';
import { type Scaler, startScaler } from './scaling.ts';
import { keyOf, type StoredRun } from './stored.ts';
import { openTenants, type Tenants } from './tenants.ts';
import { metricsView } from './view.ts';
import { startWorkQueue } from './workQueue.ts';

export interface LeadOptions {
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly installation: Installation;
  /** For commands, and for waiting for events. */
  readonly redis: { readonly commands: Redis; readonly events: Redis };
  readonly recorder: EventRecorder;
  readonly metrics: Metrics;
  readonly instruments: Instrumentation;
  /** Of the leadership; fences what is written to Redis. */
  readonly epoch: number;
  readonly now: () => Date;
  readonly log: Logger;
}

/** What a leader does, until it is stopped. */
export interface Reign {
  /** What there is to tell in metrics. */
  readonly view: MetricsView;
  /** Ends what is under way and begins nothing more. */
  stop(): Promise<void>;
}

/** Everything is looked at again this often, for what no event told. */
const resyncMs = 10 * 60_000;
/** A run that goes on is looked at again after this long at the most. */
const runCheckMs = 30_000;

/** Reconciles everything there is, and then what changes: in the API, in the queues, or by itself as time passes. */
export function startReign(options: LeadOptions): Reign {
  const { caches, now, redis } = options;
  const stopping = new AbortController();
  const tenants = openTenants({ ...options, redis: redis.commands });
  const awakeSince = now();
  const queues: Queues = startQueues(options, tenants, () => scaler, awakeSince);
  const scaler: Scaler = startPoolScaler(options, tenants, queues);
  listenToCaches(options, queues, stopping.signal);
  const listening = listenToWorkers(options, tenants, queues, scaler, stopping.signal);
  const resyncing = resync(caches, queues, stopping.signal);
  for (const pipeline of caches.pipelines.list()) queues.pipelines.add(keyOf(pipeline));
  for (const run of caches.runs.list()) if (needsWork(run)) queues.runs.add(keyOf(run));
  return {
    view: metricsView(caches, scaler),
    async stop() {
      stopping.abort();
      redis.events.disconnect();
      await Promise.all([queues.pipelines.stop(), queues.runs.stop(), scaler.stop(), listening, resyncing]);
      await tenants.close();
    },
  };
}

interface Queues {
  readonly pipelines: MeasuredQueue;
  readonly runs: MeasuredQueue;
}

/** An ended run has nothing more to do once it is free to go. */
const needsWork = (run: StoredRun): boolean => !isSettled(run) || (run.metadata.finalizers?.length ?? 0) > 0;

function startQueues(
  { api, caches, installation, redis, recorder, instruments, now, log }: LeadOptions,
  tenants: Tenants,
  scaler: () => Scaler,
  awakeSince: Date,
): Queues {
  const { pipelines, runs, children } = caches;
  const reconcilePipeline = openPipelineReconciler({
    ...{ api, pipelines, installation, events: recorder },
    runsOf: ({ namespace, name }) => runs.list(namespace, name),
    workload: (pipeline) => reconcileWorkload({ api, children, installation }, pipeline),
    scaling: ({ metadata }) => scaler().seen(metadata.namespace ?? '', metadata.name),
    lookAgainAt: (key, at) => queues.pipelines.addAfter(key, Math.max(0, at.getTime() - now().getTime())),
    moment: (pipeline) => ({ awakeSince, jitterMs: jitterOf(installation.id, keyOf(pipeline)), now: now() }),
  });
  const reconcileRun = openRunReconciler({
    ...{ api, pipelines, runs, now },
    lookAgainAfter: (key, ms) => queues.runs.addAfter(key, ms),
    world: tenants.world,
    redisReady: () => redis.commands.status === 'ready',
  });
  const onResult = (kind: string) => (key: string, _seconds: number, error: unknown) => {
    if (error) log.warn(`${kind} ${key} will be looked at again: ${(error as Error).message}`);
  };
  const queues: Queues = {
    pipelines: instruments.queue(
      'pipelines',
      startWorkQueue(instruments.reconcile('pipelines', reconcilePipeline), {
        concurrency: 8,
        onResult: onResult('Pipeline'),
      }),
    ),
    runs: instruments.queue(
      'runs',
      startWorkQueue(instruments.reconcile('runs', reconcileRun), {
        concurrency: 16,
        onResult: onResult('PipelineRun'),
      }),
    ),
  };
  return queues;
}

function startPoolScaler(
  { api, caches, installation, redis, now, log }: LeadOptions,
  tenants: Tenants,
  { pipelines }: Queues,
): Scaler {
  return startScaler({
    live: () => livePipelines(caches, installation),
    pipelineOf: (namespace, name) => caches.runs.get({ namespace, name })?.spec.pipelineRef.name,
    loads: tenants.loads,
    busy: (namespace, pool) => busyWorkers(redis.commands, caches, namespace, pool),
    scale: (pipeline, pool, replicas, busy) => scalePool(api, caches, pipeline, pool, replicas, busy),
    onChange: ({ namespace, name }) => pipelines.add(`${namespace}/${name}`),
    now: () => now().getTime(),
    log,
  });
}

/** What changed in the API is looked at; of runs, people and Prometheus are told. */
function listenToCaches(
  { caches, recorder, metrics }: LeadOptions,
  { pipelines, runs }: Queues,
  stopped: AbortSignal,
): void {
  caches.pipelines.onChange(({ namespace, name }) => {
    if (stopped.aborted) return;
    pipelines.add(`${namespace}/${name}`);
    // A run may have waited for its Pipeline, or for a valid one.
    for (const run of caches.runs.list(namespace, name)) if (!hasEnded(run)) runs.add(keyOf(run));
  });
  caches.runs.onChange(({ namespace, name }, run, before) => {
    if (stopped.aborted) return;
    const known = run ?? before;
    if (known) pipelines.add(`${namespace}/${known.spec.pipelineRef.name}`);
    if (!run) return;
    if (needsWork(run)) runs.add(`${namespace}/${name}`);
    const pipeline = caches.pipelines.get({ namespace, name: run.spec.pipelineRef.name });
    // The run may soon be gone, and with it what `kubectl describe` shows of it.
    for (const about of [run, ...(pipeline ? [pipeline] : [])]) {
      for (const event of eventsOfRun(before, run)) recorder.event(about, event);
    }
    if (!before || hasEnded(before) || !hasEnded(run)) return;
    recordEndedRun(metrics, namespace, run);
    for (const { metadata, spec } of caches.pipelines.list(namespace)) {
      if (spec.after?.includes(run.spec.pipelineRef.name)) pipelines.add(`${namespace}/${metadata.name}`);
    }
  });
  for (const informer of [...caches.owned, caches.pods]) {
    informer.onChange((_, object, before) => {
      const known = object ?? before;
      const key = known && pipelineKeyOf(known);
      if (key !== undefined && !stopped.aborted) pipelines.add(key);
    });
  }
}

/** What happened in the queues is looked at; so is everything when they were emptied. Never rejects. */
async function listenToWorkers(
  { caches, metrics, recorder, redis, log }: LeadOptions,
  tenants: Tenants,
  { runs }: Queues,
  scaler: Scaler,
  stopped: AbortSignal,
): Promise<void> {
  const hear = ({ namespace, event }: Heard): void => {
    const key = `${namespace}/${event.run}`;
    if (event.type === 'planned') runs.add(key);
    const run = caches.runs.get({ namespace, name: event.run });
    const pipeline = run?.spec.pipelineRef.name;
    if (event.type === 'published' && pipeline !== undefined) {
      metrics.recordManifest(event.manifest, namespace, pipeline);
    }
    for (const about of [run, pipeline && caches.pipelines.get({ namespace, name: pipeline })]) {
      if (about) for (const each of eventsOfWork(event)) recorder.event(about, each);
    }
    scaler.observe(namespace, event);
  };
  const open = (namespaces: readonly string[]) =>
    caches.runs.list().filter((run) => !hasEnded(run) && namespaces.includes(run.metadata.namespace ?? ''));
  while (!stopped.aborted) {
    try {
      for await (const heard of listenTo(redis.events, tenants.namespaces, stopped)) {
        if (heard) hear(heard);
        else for (const run of open(await tenants.wiped())) runs.add(keyOf(run));
      }
    } catch (error) {
      if (stopped.aborted) return;
      log.warn(`the events of workers cannot be read: ${(error as Error).message}`);
      await sleep(1000, undefined, { signal: stopped }).catch(() => undefined);
    }
  }
}

/** Looks at everything again from time to time, for what nobody told. */
async function resync(caches: Caches, queues: Queues, stopped: AbortSignal): Promise<void> {
  for (let turn = 1; ; turn += 1) {
    await sleep(runCheckMs, undefined, { signal: stopped }).catch(() => undefined);
    if (stopped.aborted) return;
    for (const run of caches.runs.list()) if (needsWork(run)) queues.runs.resync(keyOf(run));
    if (turn % (resyncMs / runCheckMs) !== 0) continue;
    for (const pipeline of caches.pipelines.list()) queues.pipelines.resync(keyOf(pipeline));
  }
}
