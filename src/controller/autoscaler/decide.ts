import type { Reason } from '../../api/reasons.ts';
import type { PoolLoad } from '../../queue/load.ts';

/** What decided how many workers a pool should have. */
export type ScalingReason = Extract<Reason, 'FollowsLoad' | 'NoLoad' | 'CoolingDown' | 'Draining' | 'QueuesUnreadable'>;

/** What made it more or fewer than the load alone would. */
export type ScalingLimit = Extract<
  Reason,
  | 'NumberOfJobs'
  | 'GlobalConcurrency'
  | 'SourceRateLimit'
  | 'DownstreamFull'
  | 'StabilisationWindow'
  | 'StepSize'
  | 'BusyWorkers'
  | 'MinReplicas'
  | 'MaxReplicas'
>;

/** All that is known of a pool when its size is decided. */
export interface ScalingInput {
  /** Workers the pool has, or is about to have. */
  readonly current: number;
  readonly min: number;
  readonly max: number;
  /** Absent when the queues cannot be read. */
  readonly load?: PoolLoad;
  /** Steps that one worker does at the same time. */
  readonly concurrency: number;
  /** Moving average of a step's seconds; absent before the first step. */
  readonly stepSeconds?: number;
  /** How soon what waits should be done. */
  readonly targetSeconds: number;
  /** Steps that may be under way at the same time in the whole pool. */
  readonly globalConcurrency?: number;
  /** Steps that the source's rate limit lets start in a second. */
  readonly startsPerSecond?: number;
  /** Whether the next stage has more work than it should have. */
  readonly downstreamFull: boolean;
  /** Most workers added or taken away at a time. */
  readonly stepSize: number;
  /** What was wanted within the stabilisation window: `want` of the decisions in it. */
  readonly recent: readonly number[];
  /** How long there has been no load. */
  readonly idleSeconds: number;
  /** How long there must be no load before the last worker goes. */
  readonly cooldownSeconds: number;
  /** Whether no further step is to begin. */
  readonly paused: boolean;
}

export interface Decision {
  readonly replicas: number;
  readonly reason: ScalingReason;
  /** What moved the number away from `want`, in the order in which it was asked. */
  readonly limits: readonly ScalingLimit[];
  /** What the load asks for, before any limit. */
  readonly want: number;
}

/** Before the first step has ended, a step is taken to last this long. */
const unknownStepSeconds = 1;

/**
 * How many workers a pool should have:
 *
 * ```
 * load = waiting + prioritized + active + due
 * want = ceil((load − active) · s / (concurrency · targetSeconds) + active / concurrency)
 * ```
 *
 * `s` is the moving average of a step's seconds. With load there is at least one worker; the last one goes after a
 * cooldown without load. What is wanted passes through `limits`, in that order; `min` and `max` have the last word.
 * A paused pool keeps the workers that are busy, and `min` does not hold for it. What cannot be read changes nothing.
 */
export function decide(input: ScalingInput): Decision {
  const { load, current } = input;
  if (!load) return settle('QueuesUnreadable', current, { ...input, load: unread }, bounds);
  if (input.paused) return settle('Draining', 0, { ...input, load, min: 0 }, [...floor, ...bounds]);
  const want = wanted(input, load);
  if (want > 0) return settle('FollowsLoad', want, { ...input, load }, limits);
  // Nothing is wanted now; one stays for a while, because there may be more soon.
  const cooling = current > 0 && input.idleSeconds < input.cooldownSeconds;
  const decision = settle(cooling ? 'CoolingDown' : 'NoLoad', cooling ? 1 : 0, { ...input, load }, limits);
  return { ...decision, want: 0 };
}

/** All that there is to do, or is being done. */
export const jobsOf = ({ waiting, prioritized, active, due }: PoolLoad): number => waiting + prioritized + active + due;

function wanted(
  { concurrency, targetSeconds, stepSeconds = unknownStepSeconds }: ScalingInput,
  load: PoolLoad,
): number {
  const { active } = load;
  const want = ((jobsOf(load) - active) * stepSeconds) / (concurrency * targetSeconds) + active / concurrency;
  return Math.max(Math.ceil(want), Math.min(jobsOf(load), 1));
}

const unread: PoolLoad = { waiting: 0, prioritized: 0, active: 0, due: 0, busy: [] };

type Known = ScalingInput & { readonly load: PoolLoad };
type Limit = readonly [name: ScalingLimit, apply: (replicas: number, input: Known) => number];

/** More than this would have nothing to do, or nothing that they may do. */
const caps: readonly Limit[] = [
  ['NumberOfJobs', (n, { load }) => Math.min(n, Math.max(jobsOf(load), 1))],
  [
    'GlobalConcurrency',
    (n, { globalConcurrency = Infinity, concurrency }) => atMost(n, globalConcurrency / concurrency),
  ],
  [
    'SourceRateLimit',
    (n, { startsPerSecond, stepSeconds = unknownStepSeconds, concurrency }) =>
      startsPerSecond === undefined ? n : atMost(n, (startsPerSecond * stepSeconds) / concurrency),
  ],
  ['DownstreamFull', (n, { downstreamFull, current }) => (downstreamFull ? atMost(n, current) : n)],
];

/** A pool grows at once and shrinks when it has been too large for a while; neither by leaps. */
const pace: readonly Limit[] = [
  ['StabilisationWindow', (n, { current, recent }) => (n < current ? Math.min(current, Math.max(n, ...recent)) : n)],
  ['StepSize', (n, { current, stepSize }) => Math.min(Math.max(n, current - stepSize), current + stepSize)],
];

/** No worker is taken away from under its step. */
const floor: readonly Limit[] = [['BusyWorkers', (n, { load }) => Math.max(n, load.busy.length)]];

const bounds: readonly Limit[] = [
  ['MinReplicas', (n, { min }) => Math.max(n, min)],
  ['MaxReplicas', (n, { max }) => Math.min(n, max)],
];

const limits: readonly Limit[] = [...caps, ...pace, ...floor, ...bounds];

/** A cap that leaves one worker: what there is to do gets done, if slowly. */
const atMost = (replicas: number, cap: number): number => Math.min(replicas, Math.max(Math.ceil(cap), 1));

function settle(reason: ScalingReason, want: number, input: Known, applied: readonly Limit[]): Decision {
  const named: ScalingLimit[] = [];
  let replicas = want;
  for (const [name, apply] of applied) {
    const limited = apply(replicas, input);
    if (limited !== replicas) named.push(name);
    replicas = limited;
  }
  return { replicas, reason, limits: named, want };
}
