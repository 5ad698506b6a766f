import type { Json } from '../../../run/key.ts';
import type { Informer, KubeObject, ObjectKey, ResourceType } from '../api.ts';
import { pipelineLabel } from '../names.ts';

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
  /** One for each of `childTypes`, in any order. */
  readonly kinds: readonly { readonly type: ResourceType; readonly informer: Informer<Child> }[];
  readonly pods: Informer<WorkerPod>;
}

/** What is there, as informers see it. */
export function cachedChildren({ kinds, pods }: ChildCaches): Children {
  const cacheOf = (kind: string) => kinds.find(({ type }) => type.kind === kind)?.informer;
  return {
    get: ({ kind }, key) => cacheOf(kind)?.get(key),
    ownedBy: (uid) => kinds.flatMap(({ informer }) => informer.ownedBy(uid)),
    pods: ({ namespace, name }) =>
      pods.list(namespace).filter(({ metadata }) => metadata.labels?.[pipelineLabel] === name),
    remember: (object) => cacheOf(object.kind)?.remember(object),
  };
}
