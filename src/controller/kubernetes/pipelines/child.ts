import type { Json } from '../../../run/key.ts';
import type { Informer, KubeObject, ObjectKey, ResourceType } from '../api.ts';

type Fields = { readonly [name: string]: Json | undefined };

/** An object that was made for a Pipeline, as the cache keeps it. */
export interface Child extends KubeObject {
  readonly spec?: Fields & { readonly replicas?: number };
  readonly status?: Fields & {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly observedGeneration?: number;
  };
  readonly automountServiceAccountToken?: boolean;
}

/** The state of a container, as far as it tells why a pod is not ready. */
interface ContainerStatus {
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: StateOf; readonly terminated?: StateOf & { readonly exitCode?: number } };
  readonly lastState?: { readonly terminated?: StateOf & { readonly exitCode?: number } };
}
interface StateOf {
  readonly reason?: string;
  readonly message?: string;
}

/** A pod of a worker, as the cache keeps it. */
export interface WorkerPod extends KubeObject {
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** What is there, from caches. */
export interface Children {
  get(type: ResourceType, key: ObjectKey): Child | undefined;
  /** Everything that a Pipeline owns, by its uid. */
  ownedBy(uid: string): readonly Child[];
  /** Pods that have the label of a Pipeline. */
  pods(pipeline: ObjectKey): readonly WorkerPod[];
  /** Keeps what was written just now, so that the next look need not wait for the watch. */
  remember(object: Child): void;
}

/** The caches of what Pipelines become. */
export interface ChildCaches {
  readonly serviceAccounts: Informer<Child>;
  readonly networkPolicies: Informer<Child>;
  readonly deployments: Informer<Child>;
  readonly statefulSets: Informer<Child>;
  /** In groups by the name of their Pipeline. */
  readonly pods: Informer<WorkerPod>;
}

/** What is there, as informers see it. */
export function cachedChildren({ pods, ...caches }: ChildCaches): Children {
  const byKind: Readonly<Record<string, Informer<Child>>> = {
    ServiceAccount: caches.serviceAccounts,
    NetworkPolicy: caches.networkPolicies,
    Deployment: caches.deployments,
    StatefulSet: caches.statefulSets,
  };
  return {
    get: ({ kind }, key) => byKind[kind]?.get(key),
    ownedBy: (uid) => Object.values(byKind).flatMap((informer) => informer.ownedBy(uid)),
    pods: ({ namespace, name }) => pods.list(namespace, name),
    remember: (object) => byKind[object.kind]?.remember(object),
  };
}
