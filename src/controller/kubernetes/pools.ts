import type { Redis } from 'ioredis';
import type { Pipeline } from '../../api/index.ts';
import { listBusy } from '../../queue/busy.ts';
import type { PoolName } from '../../queue/names.ts';
import { podOf } from '../../workers/name.ts';
import { hasEnded } from '../runs.ts';
import type { KubeApi, KubeObject } from './api.ts';
import type { Caches } from './caches.ts';
import { resourceTypes } from './client.ts';
import type { Installation } from './installation.ts';
import { childName, pipelineLabel, poolLabel, scalerFieldManager, typeOf } from './names.ts';
import type { Child, WorkerPod } from './pipelines/child.ts';
import { poolSettings, usedPools } from './render/pools.ts';
import type { ScalablePipeline, ScalablePool } from './scaling.ts';

/** Pipelines that have a run that goes on, or workers that are more than the fewest: all others are at rest. */
export function livePipelines(
  { pipelines, runs, children }: Pick<Caches, 'pipelines' | 'runs' | 'children'>,
  installation: Installation,
): readonly ScalablePipeline[] {
  const open = new Set(
    runs.list().flatMap((run) => (hasEnded(run) ? [] : [`${run.metadata.namespace}/${run.spec.pipelineRef.name}`])),
  );
  return pipelines.list().flatMap((pipeline) => {
    const { namespace = '', name, uid = '' } = pipeline.metadata;
    const pools = poolsOf(pipeline, children.ownedBy(uid), installation);
    const isLive = open.has(`${namespace}/${name}`) || [...pools.values()].some(isAwake);
    return isLive ? [{ namespace, name, pools }] : [];
  });
}

const isAwake = ({ replicas, settings: { min, max, provider } }: ScalablePool): boolean =>
  provider === 'Internal' && (replicas > min || replicas > max || replicas < min);

function poolsOf(
  pipeline: Pipeline,
  owned: readonly Child[],
  installation: Installation,
): ReadonlyMap<PoolName, ScalablePool> {
  return new Map(
    usedPools(pipeline).flatMap((pool) => {
      const workload = owned.find((child) => isWorkload(child) && child.metadata.labels?.[poolLabel] === pool);
      if (!workload) return []; // it is not there yet
      return [[pool, { settings: poolSettings(pipeline, installation, pool), replicas: workload.spec?.replicas ?? 1 }]];
    }),
  );
}

const isWorkload = ({ kind }: Child): boolean => kind === 'Deployment' || kind === 'StatefulSet';

/** Workers of a pool that have steps under way, by Pipeline: their names tell their pods, and those whose they are. */
export async function busyWorkers(
  redis: Redis,
  { pods }: Pick<Caches, 'pods'>,
  namespace: string,
  pool: PoolName,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const busy = await listBusy(redis, namespace, pool);
  const names = busy.map(podOf);
  return Map.groupBy(names, (name) => pods.get({ namespace, name })?.metadata.labels?.[pipelineLabel] ?? '');
}

/** What the ReplicaSet controller looks at when it has to choose: the pod that costs least goes first. */
const costAnnotation = 'controller.kubernetes.io/pod-deletion-cost';

/**
 * Sets the number of a pool's workers, as a field manager of its own, so that applying the rest leaves it alone. Before
 * a Deployment shrinks, its busy pods are marked as costly: idle ones go first. A StatefulSet has one worker at most.
 */
export async function scalePool(
  api: KubeApi,
  { pods, children }: Pick<Caches, 'pods' | 'children'>,
  { namespace, name }: Pick<ScalablePipeline, 'namespace' | 'name'>,
  pool: PoolName,
  replicas: number,
  busy: readonly string[],
): Promise<void> {
  const child = childName(name, pool);
  const key = { namespace, name: child };
  const workload = children.get(resourceTypes.deployments, key) ?? children.get(resourceTypes.statefulSets, key);
  if (!workload) return;
  if (replicas < (workload.spec?.replicas ?? 1) && workload.kind === 'Deployment') {
    await markCosts(api, podsOf(pods.list(namespace, name), pool), busy);
  }
  const { apiVersion, kind } = workload;
  const wanted = { apiVersion, kind, metadata: { name: child, namespace }, spec: { replicas } };
  children.remember(await api.apply(typeOf(workload), wanted, { fieldManager: scalerFieldManager, force: true }));
}

const podsOf = (pods: readonly WorkerPod[], pool: PoolName): readonly WorkerPod[] =>
  pods.filter(({ metadata: { labels } }) => labels?.[poolLabel] === pool);

async function markCosts(api: KubeApi, pods: readonly WorkerPod[], busy: readonly string[]): Promise<void> {
  for (const { metadata } of pods) {
    const cost = busy.includes(metadata.name) ? '1' : '0';
    if ((metadata.annotations?.[costAnnotation] ?? '0') === cost) continue;
    const key = { namespace: metadata.namespace ?? '', name: metadata.name };
    await api.patch(resourceTypes.pods, key, { metadata: { annotations: { [costAnnotation]: cost } } });
  }
}

/** A Pipeline by the label of what it owns. */
export const pipelineKeyOf = ({ metadata }: KubeObject): string | undefined => {
  const name = metadata.labels?.[pipelineLabel];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
};
