import { type MetricsView, type PoolView, poolView, type QueueView } from '../../observability/view.ts';
import { type QueueStage, queueStages } from '../../queue/names.ts';
import type { Caches } from './caches.ts';
import { observePools } from './pipelines/observe.ts';
import type { Scaler, Scaling } from './scaling.ts';
import type { StoredPipeline } from './stored.ts';

type Look = (pipeline: StoredPipeline) => Scaling | undefined;

/** What Prometheus is told: from the caches, and from what the scaler saw last. */
export function metricsView(
  { pipelines, children }: Pick<Caches, 'pipelines' | 'children'>,
  scaler: Pick<Scaler, 'seen'>,
): MetricsView {
  const look: Look = ({ metadata }) => scaler.seen(metadata.namespace ?? '', metadata.name);
  return {
    pipelines: () =>
      pipelines
        .list()
        .map(({ metadata, status }) => ({ namespace: metadata.namespace ?? '', name: metadata.name, status })),
    *queues() {
      for (const pipeline of pipelines.list()) yield* queuesOf(pipeline, look);
    },
    *pools() {
      for (const pipeline of pipelines.list()) yield* poolsOf(pipeline, look, children);
    },
  };
}

/** A Pipeline at rest has empty queues; of queues that cannot be read nothing is told. */
function queuesOf(pipeline: StoredPipeline, look: Look): readonly QueueView[] {
  const scaling = look(pipeline);
  if (scaling && !scaling.queues) return [];
  return queueStages.map((stage) => queueOf(pipeline, stage, scaling));
}

function queueOf({ metadata }: StoredPipeline, stage: QueueStage, scaling: Scaling | undefined): QueueView {
  const load = scaling?.queues?.[stage];
  const { waiting = 0, prioritized = 0, active = 0, due = 0, failed = 0, oldestSeconds = 0 } = load ?? {};
  return {
    ...{ namespace: metadata.namespace ?? '', pipeline: metadata.name, stage, oldestSeconds },
    jobs: { waiting, prioritized, delayed: due, active, failed },
  };
}

const poolsOf = (pipeline: StoredPipeline, look: Look, children: Caches['children']): readonly PoolView[] =>
  observePools(children, pipeline.metadata).map(({ pool, replicas, ready }) => {
    const { namespace = '', name } = pipeline.metadata;
    const provider = pipeline.spec.workers?.[pool]?.provider ?? 'Internal';
    const decision = look(pipeline)?.decisions.get(pool);
    return poolView({ namespace, pipeline: name, pool }, { replicas, ready, provider, ...(decision && { decision }) });
  });
