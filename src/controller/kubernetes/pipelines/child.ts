import type { Json } from '../../../run/key.ts';
import type { KubeObject, ObjectKey, ResourceType } from '../api.ts';
import { fieldManager } from '../names.ts';

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
  /** Whether we still are who says how many replicas there are: nobody has set them since we made it. */
  readonly ownsReplicas?: boolean;
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

interface ManagedFields {
  readonly manager?: string;
  readonly fieldsV1?: { readonly 'f:spec'?: { readonly 'f:replicas'?: object } };
}

/** What the cache keeps of an object: everything but the record of who manages what, which is half of it. */
export function toChild(stored: KubeObject): Child {
  const { managedFields = [], ...metadata } = stored.metadata as KubeObject['metadata'] & {
    readonly managedFields?: readonly ManagedFields[];
  };
  const managers = managedFields.filter(({ fieldsV1 }) => fieldsV1?.['f:spec']?.['f:replicas']);
  return { ...stored, metadata, ownsReplicas: managers.length > 0 && managers.every(isOurs) };
}

const isOurs = ({ manager }: ManagedFields): boolean => manager === fieldManager;
