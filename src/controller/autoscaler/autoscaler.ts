import type { PoolLoad } from '../../queue/load.ts';
import { type Decision, decide, jobsOf, type ScalingInput } from './decide.ts';

/** How a pool is to be scaled. */
export interface ScalingPolicy
  extends Pick<
    ScalingInput,
    | 'min'
    | 'max'
    | 'concurrency'
    | 'globalConcurrency'
    | 'startsPerSecond'
    | 'targetSeconds'
    | 'stepSize'
    | 'cooldownSeconds'
  > {
  /** A pool shrinks to the most that was wanted within this time. */
  readonly stabilisationSeconds: number;
}

/** What is seen of a pool at one moment. */
export interface Observation extends Pick<ScalingInput, 'current' | 'paused' | 'downstreamFull'> {
  /** Undefined when the queues cannot be read. */
  readonly load: PoolLoad | undefined;
  /** In milliseconds. */
  readonly now: number;
}

/** The numbers that a decision was made with. */
export interface ScalingFacts
  extends Pick<ScalingInput, 'min' | 'max' | 'concurrency' | 'targetSeconds' | 'stepSeconds'> {
  /** Steps that there are, and how many of them are under way. */
  readonly load: number;
  readonly active: number;
  /** Workers that have steps under way. */
  readonly busy: number;
}

/** A decision with what explains it; without `facts` when the queues could not be read. */
export interface ExplainedDecision extends Decision {
  readonly facts?: ScalingFacts;
}

/** Decides about one pool, again and again: what `decide` needs from the past is kept here. */
export interface Autoscaler {
  /** A step of the pool has ended. */
  stepTook(seconds: number): void;
  decide(seen: Observation): ExplainedDecision;
}

/** How much the newest step counts in the moving average. */
const newestShare = 0.2;
/** Decisions remembered at most, whatever the window. */
const mostRecent = 600;

export function openAutoscaler({ stabilisationSeconds, ...policy }: ScalingPolicy): Autoscaler {
  let stepSeconds: number | undefined;
  let lastLoadAt: number | undefined;
  let recent: readonly { readonly at: number; readonly want: number }[] = [];
  return {
    stepTook(seconds) {
      stepSeconds = stepSeconds === undefined ? seconds : stepSeconds + newestShare * (seconds - stepSeconds);
    },
    decide({ load, now, ...seen }) {
      // What cannot be seen may be load: the cooldown begins when it is known that there is none.
      if (lastLoadAt === undefined || !load || jobsOf(load) > 0 || load.busy.length > 0) lastLoadAt = now;
      recent = recent.filter(({ at }) => now - at < stabilisationSeconds * 1000).slice(-mostRecent);
      const decision = decide({
        ...policy,
        ...seen,
        ...(load && { load }),
        ...(stepSeconds !== undefined && { stepSeconds }),
        recent: recent.map(({ want }) => want),
        idleSeconds: (now - lastLoadAt) / 1000,
      });
      if (!load) return decision;
      recent = [...recent, { at: now, want: decision.want }];
      return { ...decision, facts: factsOf(policy, load, stepSeconds) };
    },
  };
}

const factsOf = (
  { min, max, concurrency, targetSeconds }: Omit<ScalingPolicy, 'stabilisationSeconds'>,
  load: PoolLoad,
  stepSeconds: number | undefined,
): ScalingFacts => ({
  ...{ load: jobsOf(load), active: load.active, busy: load.busy.length },
  ...{ min, max, concurrency, targetSeconds },
  ...(stepSeconds === undefined ? {} : { stepSeconds }),
});
