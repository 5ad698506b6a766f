import type { PipelineStatus } from '../api/pipelineStatus.ts';
import type { SeenPool } from '../controller/status/seen.ts';
import { desiredOf } from '../controller/status/stages.ts';
import { type PoolName, pools, type QueueStage, queueStages } from '../queue/names.ts';
import type { Collector, Instruments } from './registry.ts';
import { inTurns } from './turns.ts';

/** A pipeline as its metrics are read from it. */
export interface PipelineView {
  readonly namespace: string;
  readonly name: string;
  readonly status?: PipelineStatus | undefined;
}

/** What is in one queue of a pipeline. */
export interface QueueView {
  readonly namespace: string;
  readonly pipeline: string;
  readonly stage: QueueStage;
  /** Steps by where they are. What is not known is left out. */
  readonly jobs: Readonly<Partial<Record<JobState, number>>>;
  /** How long the step that is next has waited. */
  readonly oldestSeconds?: number;
}

export type JobState = 'waiting' | 'prioritized' | 'delayed' | 'active' | 'failed';

/** A pool of workers. */
export interface PoolView {
  readonly namespace: string;
  /** '' when the pool serves all pipelines of the namespace. */
  readonly pipeline: string;
  readonly pool: PoolName;
  readonly ready?: number | undefined;
  readonly desired?: number | undefined;
  /** What the autoscaler would have, also while something else scales the pool. */
  readonly recommended?: number | undefined;
  /** What decided. */
  readonly reason?: string | undefined;
  /** What kept the newest decision from more or fewer. */
  readonly limits: readonly string[];
}

/** What there is at the moment of a scrape: read from caches, so that nothing is left of what was deleted. */
export interface MetricsView {
  pipelines(): readonly PipelineView[];
  queues(): Iterable<QueueView>;
  pools(): Iterable<PoolView>;
}

/** A view that knows nothing but pipelines and their status: queues and pools are read from its stages. */
export const statusView = (pipelines: () => readonly PipelineView[]): MetricsView => ({
  pipelines,
  queues: () => pipelines().flatMap(queuesOf),
  pools: () => pipelines().flatMap(poolsOf),
});

const isQueueStage = (name: string): name is QueueStage => (queueStages as readonly string[]).includes(name);

const queuesOf = ({ namespace, name, status }: PipelineView): readonly QueueView[] =>
  (status?.stages ?? []).flatMap(({ name: stage, waiting, active, failed }) =>
    isQueueStage(stage) ? [{ namespace, pipeline: name, stage, jobs: definedOnly({ waiting, active, failed }) }] : [],
  );

/** A pool as whoever scales it sees it. */
export const poolView = (of: Pick<PoolView, 'namespace' | 'pipeline' | 'pool'>, seen: SeenPool): PoolView => ({
  ...of,
  ready: seen.ready,
  desired: desiredOf(seen),
  recommended: seen.decision?.replicas,
  limits: seen.decision?.limits ?? [],
});

/** A pool that serves two stages stands in the status of each; the first one that tells its size is enough. */
export const poolsOf = ({ namespace, name, status }: PipelineView): readonly PoolView[] =>
  (Object.keys(pools) as PoolName[]).flatMap((pool) => {
    const stages = (status?.stages ?? []).filter((stage) => (pools[pool] as readonly string[]).includes(stage.name));
    const told = stages.find(({ desired }) => desired !== undefined) ?? stages[0];
    if (!told) return [];
    const { replicas: ready, desired, scaling } = told;
    return [
      { namespace, pipeline: name, pool, ready, desired, reason: scaling?.reason, limits: scaling?.limits ?? [] },
    ];
  });

/** Exposes a view: gauges as they are at each scrape, and no series of a pipeline that is not there any more. */
export function exposeView(instruments: Instruments, view: MetricsView): void {
  instruments.collect(collectPipelines(instruments, view));
  instruments.collect((set) => collectQueues(set, view.queues()));
  instruments.collect((set) => collectPools(set, view.pools()));
}

function collectPipelines(instruments: Instruments, view: MetricsView): Collector {
  let zeroed = new Set<string>();
  return async (set) => {
    const pipelines = view.pipelines();
    const present = new Set(pipelines.map(({ namespace, name }) => `${namespace}/${name}`));
    instruments.retain((namespace, pipeline) => present.has(`${namespace}/${pipeline}`));
    // Before the first run there is a figure too, and it is zero.
    const known = zeroed;
    zeroed = new Set();
    await inTurns(pipelines, (pipeline) => {
      if (!known.has(idOf(pipeline))) startAtZero(instruments, pipeline);
      zeroed.add(idOf(pipeline));
      collectPipeline(set, pipeline);
    });
  };
}

/** A pipeline with its datasets: one that gets another dataset starts that at zero too. */
const idOf = ({ namespace, name, status }: PipelineView): string =>
  `${namespace}/${name}: ${(status?.datasets ?? []).map((dataset) => dataset.name).join()}`;

function startAtZero(instruments: Instruments, { namespace, name: pipeline, status }: PipelineView): void {
  const labels = { namespace, pipeline };
  for (const result of ['Succeeded', 'Failed']) {
    instruments.add('runs_total', { ...labels, result, trigger: 'Schedule' }, 0);
  }
  for (const { name: dataset } of status?.datasets ?? []) {
    for (const outcome of ['read', 'rejected']) instruments.add('rows_total', { ...labels, dataset, outcome }, 0);
  }
}

function collectPipeline(set: Instruments['set'], { namespace, name: pipeline, status }: PipelineView) {
  const labels = { namespace, pipeline };
  const { lastSuccessTime, conditions = [], datasets = [] } = status ?? {};
  for (const { name: dataset, slicesMissing, deferred } of datasets) {
    if (slicesMissing !== undefined) set('slices_missing', { ...labels, dataset }, slicesMissing);
    if (deferred !== undefined) set('deferred_items', { ...labels, dataset }, deferred);
  }
  if (lastSuccessTime !== undefined) {
    set('last_success_timestamp_seconds', labels, Date.parse(lastSuccessTime) / 1000);
  }
  for (const { type, status: is, reason } of conditions) {
    const name = conditionMetrics[type as keyof typeof conditionMetrics];
    if (name === undefined || is === 'Unknown' || reason === 'NoObjective') continue;
    set(name, labels, is === 'True' ? 1 : 0);
  }
}

const conditionMetrics = { Fresh: 'fresh', Conserved: 'conserved', Ready: 'ready' } as const;

async function collectQueues(set: Instruments['set'], queues: Iterable<QueueView>): Promise<void> {
  const backlogs = new Map<string, { labels: { namespace: string; pipeline: string; pool: string }; steps: number }>();
  await inTurns(queues, ({ namespace, pipeline, stage, jobs, oldestSeconds }) => {
    const labels = { namespace, pipeline, stage };
    for (const [state, count] of Object.entries(jobs)) set('queue_jobs', { ...labels, state }, count);
    if (oldestSeconds !== undefined) set('queue_oldest_seconds', labels, oldestSeconds);
    const pool = poolOf(stage);
    const id = `${namespace}/${pipeline}/${pool}`;
    const { waiting = 0, prioritized = 0, active = 0 } = jobs;
    const steps = (backlogs.get(id)?.steps ?? 0) + waiting + prioritized + active;
    backlogs.set(id, { labels: { namespace, pipeline, pool }, steps });
  });
  await inTurns(backlogs.values(), ({ labels, steps }) => set('backlog', labels, steps));
}

const poolOf = (stage: QueueStage): PoolName =>
  (Object.keys(pools) as PoolName[]).find((pool) => (pools[pool] as readonly string[]).includes(stage)) ?? 'clean';

const collectPools = (set: Instruments['set'], seen: Iterable<PoolView>): Promise<void> =>
  inTurns(seen, ({ namespace, pipeline, pool, limits, ...sizes }) => {
    const labels = { namespace, pipeline, pool };
    for (const kind of ['desired', 'ready', 'recommended'] as const) {
      const size = sizes[kind];
      if (size !== undefined) set('replicas', { ...labels, kind }, size);
    }
    for (const by of limits) set('scaling_limited', { ...labels, by }, 1);
  });

/** Without the members that are not there. */
const definedOnly = <Key extends string>(counts: Record<Key, number | undefined>): Partial<Record<Key, number>> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined)) as Partial<Record<Key, number>>;
