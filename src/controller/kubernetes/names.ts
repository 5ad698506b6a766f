import type { PoolName } from '../../queue/names.ts';
import type { KubeObject, ResourceType } from './api.ts';
import { resourceTypes } from './client/resources.ts';

/** Who we are to server-side apply. */
export const fieldManager = 'jobpulse';
/** Who sets `spec.replicas` of pools that we scale. */
export const scalerFieldManager = 'jobpulse-autoscaler';

/** Labels of everything that is made for a Pipeline. */
export const pipelineLabel = 'jobpulse.dev/pipeline';
export const poolLabel = 'jobpulse.dev/pool';
/** Digest of what was applied last: tells that a field is no longer wanted, which what is there cannot tell. */
export const appliedAnnotation = 'jobpulse.dev/applied';

/** Keeps an unfinished run until its jobs are out of the queues. */
export const runFinalizer = 'jobpulse.dev/queues';
/** `"true"` on a run that is being deleted: it need not wait for its jobs to leave the queues. */
export const forceDeleteAnnotation = 'jobpulse.dev/force-delete';
/** The logical time of a run that a controller made. */
export const scheduledAtAnnotation = 'jobpulse.dev/scheduled-at';

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
  lakeCredentials: '/etc/jobpulse/lake',
  scratch: '/tmp',
} as const;

/** Where the API serves the kind of an object. */
export function typeOf({ kind }: KubeObject): ResourceType {
  const type = Object.values(resourceTypes).find((candidate) => candidate.kind === kind);
  if (!type) throw new Error(`the controller knows no kind ${kind}`);
  return type;
}
