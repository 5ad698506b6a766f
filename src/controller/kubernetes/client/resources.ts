import type { Pipeline, PipelineRun } from '../../../api/index.ts';
import type { KubeObject, ObjectKey, ResourceType } from '../api.ts';

/** The kinds that the controller reads or writes. */
export const resourceTypes = {
  pipelines: {
    group: 'jobpulse.dev',
    version: 'v1alpha1',
    plural: 'pipelines',
    kind: 'Pipeline',
  } as ResourceType<Pipeline & KubeObject>,
  pipelineRuns: {
    group: 'jobpulse.dev',
    version: 'v1alpha1',
    plural: 'pipelineruns',
    kind: 'PipelineRun',
  } as ResourceType<PipelineRun & KubeObject>,
  deployments: { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' } as ResourceType,
  statefulSets: { group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet' } as ResourceType,
  serviceAccounts: { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount' } as ResourceType,
  networkPolicies: {
    group: 'networking.k8s.io',
    version: 'v1',
    plural: 'networkpolicies',
    kind: 'NetworkPolicy',
  } as ResourceType,
  pods: { group: '', version: 'v1', plural: 'pods', kind: 'Pod' } as ResourceType,
  leases: {
    group: 'coordination.k8s.io',
    version: 'v1',
    plural: 'leases',
    kind: 'Lease',
  } as ResourceType<LeaseObject>,
  events: { group: 'events.k8s.io', version: 'v1', plural: 'events', kind: 'Event' } as ResourceType<EventObject>,
} as const;

/** Who leads, and until when; times have microseconds. */
export interface LeaseObject extends KubeObject {
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** What `kubectl describe` shows below an object. */
export interface EventObject extends KubeObject {
  readonly eventTime: string;
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly action: string;
  readonly reason: string;
  readonly type: 'Normal' | 'Warning';
  readonly note: string;
  readonly regarding: ObjectKey & {
    readonly apiVersion: string;
    readonly kind: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
  readonly series?: { readonly count: number; readonly lastObservedTime: string };
}

/** `apps/v1`, or `v1` in the core group. */
export const apiVersionOf = ({ group, version }: ResourceType): string =>
  group === '' ? version : `${group}/${version}`;

/** Where a kind is served: of a namespace, or of all. */
export function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  return `${root}${namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`}/${type.plural}`;
}

/** Where one object is served. */
export const objectPath = (type: ResourceType, { namespace, name }: ObjectKey, subresource?: string): string =>
  `${collectionPath(type, namespace)}/${encodeURIComponent(name)}${subresource === undefined ? '' : `/${subresource}`}`;
