import type { Informer, KubeApi, KubeObject, ObjectKey, ResourceType } from './api.ts';
import { resourceTypes } from './client.ts';
import { type InformerContext, type InformerOptions, startInformer } from './informer.ts';
import { pipelineLabel } from './names.ts';
import { type Child, type Children, cachedChildren, type WorkerPod } from './pipelines/child.ts';
import { type StoredPipeline, type StoredRun, withPipelineDefaults, withRunDefaults } from './stored.ts';

/** All that the controller looks at, kept up to date. */
export interface Caches {
  readonly pipelines: Informer<StoredPipeline>;
  /** In groups by the name of their Pipeline. */
  readonly runs: Informer<StoredRun>;
  /** What Pipelines become, and their pods. */
  readonly children: Children;
  readonly owned: readonly Informer<Child>[];
  /** In groups by the name of their Pipeline. */
  readonly pods: Informer<WorkerPod>;
  /** Settles when every cache has its first list. */
  readonly synced: Promise<void>;
  /** When the API server was last heard by the cache that has waited longest; in milliseconds since 1970. */
  heardAt(): number;
  stop(): Promise<void>;
}

export interface CachesOptions {
  readonly api: KubeApi;
  /** Namespaces that are looked after; all when absent. */
  readonly namespaces: readonly string[] | undefined;
  /** Which Pipelines are looked after; all when absent. */
  readonly pipelineSelector: string | undefined;
  readonly context: (kind: string) => InformerContext;
}

export function startCaches({ api, namespaces, pipelineSelector, context }: CachesOptions): Caches {
  const start = <Kind extends KubeObject>(type: ResourceType<Kind>, options: InformerOptions<Kind>): Informer<Kind> => {
    if (!namespaces) return startInformer(api, type, options, context(type.kind));
    return merged(
      new Map(
        namespaces.map((namespace) => [
          namespace,
          startInformer(api, type, { ...options, namespace }, context(type.kind)),
        ]),
      ),
    );
  };
  const selector = pipelineSelector === undefined ? {} : { labelSelector: pipelineSelector };
  const pipelines = start(resourceTypes.pipelines, { ...selector, trim: withPipelineDefaults });
  const runs = start(resourceTypes.pipelineRuns, {
    trim: withRunDefaults,
    groupOf: ({ spec }) => spec.pipelineRef.name,
  });
  const ours = { labelSelector: pipelineLabel };
  const startChild = (type: ResourceType) => start(type as ResourceType<Child>, { ...ours, trim: trimChild });
  const kinds = {
    serviceAccounts: startChild(resourceTypes.serviceAccounts),
    networkPolicies: startChild(resourceTypes.networkPolicies),
    deployments: startChild(resourceTypes.deployments),
    statefulSets: startChild(resourceTypes.statefulSets),
  };
  const pods = start(resourceTypes.pods as ResourceType<WorkerPod>, {
    ...{ ...ours, trim: trimPod },
    groupOf: ({ metadata }) => metadata.labels?.[pipelineLabel],
  });
  const owned = Object.values(kinds);
  const all: readonly Pick<Informer<Child>, 'synced' | 'heardAt' | 'stop'>[] = [pipelines, runs, pods, ...owned];
  return {
    ...{ pipelines, runs, pods, owned },
    children: cachedChildren({ ...kinds, pods }),
    synced: Promise.all(all.map(({ synced }) => synced)).then(() => undefined),
    heardAt: () => Math.min(...all.map((informer) => informer.heardAt())),
    stop: async () => {
      await Promise.all(all.map((informer) => informer.stop()));
    },
  };
}

/** What is compared with what is wanted, and what tells how it is. */
const trimChild = ({ apiVersion, kind, metadata, spec, status, automountServiceAccountToken }: Child): Child => ({
  ...{ apiVersion, kind, metadata },
  ...(spec && { spec }),
  ...(status && { status }),
  ...(automountServiceAccountToken !== undefined && { automountServiceAccountToken }),
});

/** What tells why a pod is not ready. */
function trimPod({ apiVersion, kind, metadata, status }: WorkerPod): WorkerPod {
  const { phase, conditions, containerStatuses } = status ?? {};
  return {
    ...{ apiVersion, kind, metadata },
    status: {
      ...(phase !== undefined && { phase }),
      ...(conditions && { conditions }),
      ...(containerStatuses && { containerStatuses }),
    },
  };
}

/** The caches of several namespaces as one. */
function merged<Kind extends KubeObject>(byNamespace: ReadonlyMap<string, Informer<Kind>>): Informer<Kind> {
  const all = [...byNamespace.values()];
  const of = ({ namespace }: Pick<ObjectKey, 'namespace'>) => byNamespace.get(namespace);
  return {
    synced: Promise.all(all.map(({ synced }) => synced)).then(() => undefined),
    get: (key) => of(key)?.get(key),
    list: (namespace, group) =>
      namespace === undefined ? all.flatMap((each) => each.list()) : (of({ namespace })?.list(namespace, group) ?? []),
    ownedBy: (uid) => all.flatMap((each) => each.ownedBy(uid)),
    onChange: (listener) => {
      for (const each of all) each.onChange(listener);
    },
    remember: (object) => of({ namespace: object.metadata.namespace ?? '' })?.remember(object),
    heardAt: () => Math.min(...all.map((each) => each.heardAt())),
    stop: async () => {
      await Promise.all(all.map((each) => each.stop()));
    },
  };
}
