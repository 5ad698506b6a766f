import type { PoolName } from '../../queue/names.ts';
import type { KubeObject, ResourceType } from './api.ts';

/** Who we are to server-side apply. */
export const fieldManager = 'jobpulse';
/** Who sets `spec.replicas` of pools that we scale. */
export const scalerFieldManager = 'jobpulse-autoscaler';

/** Labels of everything that is made for a Pipeline. */
export const pipelineLabel = 'jobpulse.dev/pipeline';
export const poolLabel = 'jobpulse.dev/pool';
/** Keeps a PipelineRun until its jobs are out of the queues. */
export const runFinalizer = 'jobpulse.dev/run';
/** `"true"` on a PipelineRun that is being deleted: do not wait for what its finalizer waits for. */
export const forceDeleteAnnotation = 'jobpulse.dev/force-delete';
/** The tick that a PipelineRun was made for. */
export const scheduledAtAnnotation = 'jobpulse.dev/scheduled-at';
/** Digest of what was applied last: tells that a field is no longer wanted, which what is there cannot tell. */
export const appliedAnnotation = 'jobpulse.dev/applied';

/** Name of a pool's objects; at most 50 characters, so that the names of its pods and volumes have room. */
export const childName = (pipeline: string, pool: PoolName): string => `${pipeline}-${pool}`;

/** The port of workers for probes and metrics. */
export const healthPort = { name: 'metrics', number: 9464 } as const;

/** Where things are in the file system of a worker's pod. */
export const podPaths = {
  lake: '/var/lib/jobpulse/lake',
  files: '/var/lib/jobpulse/files',
  warehouse: '/var/lib/jobpulse/warehouse',
  /** A file `<secret>/<key>` for every value. */
  secrets: '/etc/jobpulse/secrets',
  redis: '/etc/jobpulse/redis',
  scratch: '/tmp',
} as const;

/** The kinds that a Pipeline becomes. */
export const childTypes = {
  serviceAccount: { group: '', version: 'v1', plural: 'serviceaccounts', kind: 'ServiceAccount' },
  networkPolicy: { group: 'networking.k8s.io', version: 'v1', plural: 'networkpolicies', kind: 'NetworkPolicy' },
  deployment: { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment' },
  statefulSet: { group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet' },
} as const satisfies Readonly<Record<string, ResourceType>>;

/** Where the API serves a kind of ours. */
export function typeOf({ kind }: KubeObject): ResourceType {
  const type = Object.values(childTypes).find((candidate) => candidate.kind === kind);
  if (!type) throw new Error(`a Pipeline does not become a ${kind}`);
  return type;
}
