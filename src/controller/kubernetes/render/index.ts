import { apiVersion, type Pipeline } from '../../../api/index.ts';
import type { PoolName } from '../../../queue/names.ts';
import type { Json } from '../../../run/key.ts';
import type { KubeObject, ObjectMeta } from '../api.ts';
import type { Installation } from '../installation.ts';
import { childName, pipelineLabel, poolLabel } from '../names.ts';
import type { StoredPipeline } from '../stored.ts';
import { networkPolicySpec } from './networkPolicy.ts';
import type { RenderedPool } from './pod.ts';
import { poolSettings, usedPools } from './pools.ts';
import { hasWarehouseFile } from './warehouse.ts';
import { deploymentSpec, statefulSetSpec } from './workload.ts';

/** An object that is wanted. `spec.replicas` is never in it: who scales a pool sets that. */
export interface WantedObject extends KubeObject {
  readonly spec?: { readonly [name: string]: Json };
  readonly automountServiceAccountToken?: boolean;
}

/** A pool that is wanted: its objects, in the order in which they are made. */
export interface WantedPool {
  readonly pool: PoolName;
  /** Workers to begin with. */
  readonly replicas: number;
  /** What keeps pods in bounds is there before the first pod. */
  readonly guards: readonly WantedObject[];
  readonly workload: WantedObject;
}

/** What a Pipeline becomes. Pure: equal input, equal output. */
export const renderPools = (pipeline: StoredPipeline, installation: Installation): readonly WantedPool[] =>
  usedPools(pipeline).map((pool) => renderPool(pipeline, installation, pool));

/** The same, as a list of objects. */
export const renderPipeline = (pipeline: StoredPipeline, installation: Installation): readonly WantedObject[] =>
  renderPools(pipeline, installation).flatMap(({ guards, workload }) => [...guards, workload]);

function renderPool(pipeline: StoredPipeline, installation: Installation, pool: PoolName): WantedPool {
  const settings = poolSettings(pipeline, installation, pool);
  const own = { [pipelineLabel]: pipeline.metadata.name, [poolLabel]: pool };
  const labels = { ...installation.pod.labels, ...standardLabels(pipeline, pool), ...own };
  const selector = { matchLabels: own };
  const from: RenderedPool = { pipeline, installation, pool, settings, labels, selector };
  const metadata = metadataOf(from, pipeline.metadata.uid ?? '');
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata,
    spec: networkPolicySpec(installation, pool, selector, pipeline) as { readonly [name: string]: Json },
  };
  return {
    pool,
    replicas: settings.min,
    guards: [
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata, automountServiceAccountToken: false },
      ...(installation.networkPolicy.enabled ? [policy] : []),
    ],
    workload: hasWarehouseFile(pipeline, pool)
      ? { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: statefulSetSpec(from) }
      : { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deploymentSpec(from) },
  };
}

const standardLabels = ({ metadata: { name } }: Pipeline, pool: PoolName): Readonly<Record<string, string>> => ({
  'app.kubernetes.io/name': 'jobpulse-worker',
  'app.kubernetes.io/instance': childName(name, pool),
  'app.kubernetes.io/component': pool,
  'app.kubernetes.io/part-of': 'jobpulse',
  'app.kubernetes.io/managed-by': 'jobpulse',
});

function metadataOf({ pipeline, installation, pool, labels }: RenderedPool, uid: string): ObjectMeta {
  const { name, namespace = 'default' } = pipeline.metadata;
  const { annotations } = installation.pod;
  return {
    name: childName(name, pool),
    namespace,
    labels,
    ...(Object.keys(annotations).length > 0 && { annotations }),
    // Without blockOwnerDeletion, which would need a right over finalizers of Pipelines.
    ownerReferences: [{ apiVersion, kind: 'Pipeline', name, uid, controller: true }],
  };
}
