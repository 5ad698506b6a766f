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
  /** What keeps workers that should be there from getting ready, for people. */
  readonly missing?: string;
  /** What workers that should be there wait for, while nothing is known to be wrong with them. */
  readonly starting?: string;
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
  return {
    pool,
    kind: kind as PoolState['kind'],
    name: metadata.name,
    replicas,
    ready,
    updated: isCurrent ? (status?.updatedReplicas ?? 0) : 0,
    ...(ready < replicas && whyShort(status, pods)),
  };
}

/** Why a pod is not ready: something is wrong with it, or it only takes its time. */
interface Obstacle {
  readonly isFault: boolean;
  readonly text: string;
}

const fault = (text: string): Obstacle => ({ isFault: true, text: short(text) });
const wait = (text: string): Obstacle => ({ isFault: false, text: short(text) });

function whyShort(status: Child['status'], pods: readonly WorkerPod[]): Pick<PoolState, 'missing' | 'starting'> {
  const refused = conditions(status?.conditions).find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  );
  const obstacles = pods.flatMap((pod) => whyNotReady(pod) ?? []);
  const faults = [
    ...(refused ? [`pods are refused: ${short(refused.message ?? '')}`] : []),
    ...counted(obstacles.filter(({ isFault }) => isFault)),
  ];
  if (faults.length > 0) return { missing: faults.join('; ') };
  return { starting: counted(obstacles).join('; ') || 'pods are not there yet' };
}

const mostReasons = 3;
const longestReason = 200;

/** `2 pods: ImagePullBackOff (Back-off pulling image …)`, `1 pod: …`: most frequent first. */
const counted = (obstacles: readonly Obstacle[]): readonly string[] =>
  [...Map.groupBy(obstacles, ({ text }) => text)]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .slice(0, mostReasons)
    .map(([text, { length }]) => `${length} ${length === 1 ? 'pod' : 'pods'}: ${text}`);

/** What a container waits for that is about to be started. */
const usualWaits: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

/** What a pod waits for; `undefined` when it is ready, or about to end as it should. */
function whyNotReady({ metadata, status = {} }: WorkerPod): Obstacle | undefined {
  if (metadata.deletionTimestamp !== undefined) return undefined;
  const [container] = status.containerStatuses ?? [];
  if (container?.ready) return undefined;
  const { waiting, terminated } = container?.state ?? {};
  const died = terminated ?? container?.lastState?.terminated;
  const last =
    died && `${died.reason ?? 'ended'}, exit code ${died.exitCode ?? '?'}${died.message ? `: ${died.message}` : ''}`;
  if (waiting?.reason === 'CrashLoopBackOff' && last) return fault(`CrashLoopBackOff (${last})`);
  if (waiting?.reason) {
    const text = waiting.message ? `${waiting.reason} (${waiting.message})` : waiting.reason;
    return usualWaits.has(waiting.reason) ? wait(text) : fault(text);
  }
  if (last) return fault(last);
  const unscheduled = status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  // A node may be on its way.
  if (unscheduled) return wait(`Unschedulable (${unscheduled.message ?? 'no node fits'})`);
  return wait(
    status.phase === 'Running' ? 'NotReady (it runs, but does not serve its queues yet)' : (status.phase ?? 'Pending'),
  );
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
