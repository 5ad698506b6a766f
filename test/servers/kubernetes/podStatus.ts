import { constants } from 'node:os';
import { hostAddress, type Pod } from './podSpec.ts';

/** How a container's process ended. */
export interface Terminated {
  readonly exitCode: number;
  /** The number of the signal that ended it. */
  readonly signal?: number;
  readonly reason: 'Completed' | 'Error' | 'OOMKilled' | 'StartError';
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** What the only container of a pod is doing. */
export interface ContainerLife {
  readonly state:
    | { readonly waiting: { readonly reason: string; readonly message?: string } }
    | { readonly running: { readonly startedAt: string } }
    | { readonly terminated: Terminated };
  readonly lastState: { readonly terminated?: Terminated };
  readonly restartCount: number;
  readonly ready: boolean;
  /** The pod's process will not be started again. */
  readonly over: boolean;
}

export const notStarted: ContainerLife = {
  state: { waiting: { reason: 'ContainerCreating' } },
  lastState: {},
  restartCount: 0,
  ready: false,
  over: false,
};

/** The end of a process, as a kubelet tells it: a signal counts as 128 and its number. */
export function terminated(
  startedAt: string,
  exit: { readonly code: number | null; readonly signal: NodeJS.Signals | null; readonly outOfMemory: boolean },
): Terminated {
  const signal = exit.signal === null ? undefined : constants.signals[exit.signal];
  const exitCode = exit.code ?? 128 + (signal ?? 0);
  return {
    exitCode,
    ...(signal === undefined ? {} : { signal }),
    reason: exit.outOfMemory ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error',
    startedAt,
    finishedAt: new Date().toISOString(),
  };
}

/** Whether a container that ended is started again. */
export function restarts(pod: Pod, { exitCode }: Terminated): boolean {
  const { restartPolicy = 'Always' } = pod.spec;
  return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0);
}

/** The status of a pod whose container leads this life. */
export function podStatus(pod: Pod, life: ContainerLife, startTime: string, readySince: string): object {
  const [{ name, image }] = pod.spec.containers;
  const condition = (type: string, status: boolean, lastTransitionTime: string) => ({
    type,
    status: status ? 'True' : 'False',
    lastTransitionTime,
    ...(status || !type.endsWith('Ready') ? {} : { reason: life.over ? 'PodCompleted' : 'ContainersNotReady' }),
  });
  const started = 'running' in life.state;
  return {
    phase: phase(life),
    startTime,
    hostIP: hostAddress,
    hostIPs: [{ ip: hostAddress }],
    podIP: hostAddress,
    podIPs: [{ ip: hostAddress }],
    conditions: [
      condition('PodScheduled', true, startTime),
      condition('Initialized', true, startTime),
      condition('ContainersReady', life.ready, readySince),
      condition('Ready', life.ready, readySince),
    ],
    containerStatuses: [
      {
        name,
        image,
        imageID: image,
        containerID: `host://${pod.metadata.uid}/${life.restartCount}`,
        ready: life.ready,
        started,
        restartCount: life.restartCount,
        state: life.state,
        lastState: life.lastState,
      },
    ],
  };
}

function phase({ state, over, restartCount, lastState }: ContainerLife): string {
  if (over && 'terminated' in state) return state.terminated.exitCode === 0 ? 'Succeeded' : 'Failed';
  const hasRun = 'running' in state || restartCount > 0 || lastState.terminated !== undefined || 'terminated' in state;
  return hasRun ? 'Running' : 'Pending';
}
