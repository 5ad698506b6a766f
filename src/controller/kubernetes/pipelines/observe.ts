import { type PoolName, poolNames } from '../../../queue/names.ts';
import type { Json } from '../../../run/key.ts';
import type { ObjectMeta } from '../api.ts';
import { poolLabel } from '../names.ts';
import type { Child, Children, WorkerPod } from './child.ts';

/** A pool of a Pipeline as it is. */
export interface PoolState {
  readonly pool: PoolName;
  readonly kind: 'Deployment' | 'StatefulSet';
  /** Name of the workload. */
  readonly name: string;
  /** Workers there should be, by the workload. */
  readonly replicas: number;
  readonly ready: number;
  /** Workers of the newest template. */
  readonly updated: number;
  /** Why workers that should be there are not ready, for people. */
  readonly missing?: string;
}

/** The pools that there are, whatever is wanted. */
export function observePools(children: Children, metadata: ObjectMeta): readonly PoolState[] {
  const { uid = '', name, namespace = 'default' } = metadata;
  const workloads = children.ownedBy(uid).filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');
  const pods = children.pods({ namespace, name });
  return poolNames.flatMap((pool) => {
    const isOfPool = ({ metadata }: { readonly metadata: ObjectMeta }) => metadata.labels?.[poolLabel] === pool;
    return workloads.filter(isOfPool).map((workload) => poolState(pool, workload, pods.filter(isOfPool)));
  });
}

function poolState(pool: PoolName, { kind, metadata, spec, status }: Child, pods: readonly WorkerPod[]): PoolState {
  const { replicas = 1 } = spec ?? {};
  const ready = status?.readyReplicas ?? 0;
  const isCurrent = status?.observedGeneration === metadata.generation;
  const missing = ready < replicas ? whyMissing(status, pods) : undefined;
  return {
    pool,
    kind: kind as PoolState['kind'],
    name: metadata.name,
    replicas,
    ready,
    updated: isCurrent ? (status?.updatedReplicas ?? 0) : 0,
    ...(missing !== undefined && { missing }),
  };
}

const mostReasons = 3;
const longestReason = 200;

/** `2 pods: ImagePullBackOff (Back-off pulling image …); 1 pod: …`: most frequent first. */
function whyMissing(status: Child['status'], pods: readonly WorkerPod[]): string {
  const reasons = pods.flatMap((pod) => whyNotReady(pod) ?? []);
  const counted = [...Map.groupBy(reasons, (reason) => reason)].map(([reason, { length }]) => ({ reason, length }));
  const told = counted
    .toSorted((a, b) => b.length - a.length)
    .slice(0, mostReasons)
    .map(({ reason, length }) => `${length} ${length === 1 ? 'pod' : 'pods'}: ${reason}`);
  const refused = conditions(status?.conditions).find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  const parts = [...(refused ? [`pods are refused: ${short(refused.message ?? '')}`] : []), ...told];
  return parts.length > 0 ? parts.join('; ') : 'pods are not there yet';
}

/** What a pod waits for; `undefined` when it is ready, or about to end as it should. */
function whyNotReady({ metadata, status = {} }: WorkerPod): string | undefined {
  if (metadata.deletionTimestamp !== undefined) return undefined;
  const [container] = status.containerStatuses ?? [];
  if (container?.ready) return undefined;
  const { waiting, terminated } = container?.state ?? {};
  const died = terminated ?? container?.lastState?.terminated;
  const last =
    died && `${died.reason ?? 'ended'}, exit code ${died.exitCode ?? '?'}${died.message ? `: ${died.message}` : ''}`;
  if (waiting?.reason === 'CrashLoopBackOff' && last) return short(`CrashLoopBackOff (${last})`);
  if (waiting?.reason) return short(waiting.message ? `${waiting.reason} (${waiting.message})` : waiting.reason);
  if (last) return short(last);
  const unscheduled = status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled) return short(`Unschedulable (${unscheduled.message ?? 'no node fits'})`);
  return status.phase === 'Running'
    ? 'NotReady (it runs, but does not serve its queues yet)'
    : (status.phase ?? 'Pending');
}

const conditions = (value: Json | undefined) =>
  (Array.isArray(value) ? value : []) as readonly {
    readonly type?: string;
    readonly status?: string;
    readonly message?: string;
  }[];

/** One line that fits into a status. */
function short(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length <= longestReason ? line : `${line.slice(0, longestReason - 1)}…`;
}
