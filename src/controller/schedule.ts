import { createHash } from 'node:crypto';
import type { Condition, Pipeline, PipelineSpec } from '../api/index.ts';
import { ticksOf } from './ticks.ts';

/** A run of the pipeline, however it came about. */
export interface KnownRun {
  readonly name: string;
  readonly asOf: Date;
  readonly ended: boolean;
}

/** All that a schedule's decision depends on. */
export interface ScheduleInput {
  readonly pipeline: string;
  readonly spec: Pick<PipelineSpec, 'schedule' | 'timeZone' | 'suspend' | 'missedRunPolicy' | 'concurrencyPolicy'>;
  readonly runs: readonly KnownRun[];
  /** When this schedule went on. Ticks up to then were never due. */
  readonly since: Date;
  /** Since when the controller has been looking without a break. */
  readonly awakeSince: Date;
  /** How long after that ticks that were missed are made up for. */
  readonly jitterMs: number;
  readonly now: Date;
}

export interface ScheduleDecision {
  /** Runs to create, oldest first. */
  readonly create: readonly { readonly name: string; readonly asOf: Date }[];
  /** Names of runs to cancel. */
  readonly cancel: readonly string[];
  /** The next tick, if there will be one. */
  readonly nextRun?: Date;
  /** When to look again, unless something happens before. */
  readonly lookAt?: Date;
}

/** A tick that is this old was missed. */
const onTimeMs = 60_000;
/** `missedRunPolicy: All` makes up for so many ticks, the newest. */
export const mostMadeUp = 100;
/** Over so long do installations that wake together spread what they missed. */
export const jitterSpanMs = 60_000;

/** Decides what a schedule asks for now. Deciding again, or twice at once, asks for the same runs by the same names. */
export function decideSchedule(input: ScheduleInput): ScheduleDecision {
  const { spec, runs, now, awakeSince, jitterMs } = input;
  if (spec.schedule === undefined || spec.suspend) return { create: [], cancel: [] };
  const nextRun = new Date(ticksOf(spec.schedule, spec.timeZone).next(now.getTime()));
  const due = dueTicks(input, spec.schedule);
  const madeUpAt = awakeSince.getTime() + jitterMs;
  const [oldest] = due;
  if (oldest !== undefined && isMissed(oldest, now) && now.getTime() < madeUpAt) {
    const lookAt = new Date(Math.min(madeUpAt, nextRun.getTime()));
    return { create: [], cancel: [], nextRun, lookAt };
  }
  const unfinished = runs.filter(({ ended }) => !ended).map(({ name }) => name);
  const { ticks, cancel } = concurrency[spec.concurrencyPolicy](due, unfinished);
  const create = ticks.map((tick) => ({ name: scheduledRunName(input.pipeline, tick), asOf: new Date(tick) }));
  return { create, cancel, nextRun, lookAt: nextRun };
}

/** What becomes of ticks that are due while runs are going on. */
export const concurrency: Readonly<
  Record<
    PipelineSpec['concurrencyPolicy'],
    (due: readonly number[], unfinished: readonly string[]) => { ticks: readonly number[]; cancel: readonly string[] }
  >
> = {
  Allow: (due) => ({ ticks: due, cancel: [] }),
  // One at a time; those that wait for it are missed ticks by then.
  Forbid: (due, unfinished) => ({ ticks: unfinished.length > 0 ? [] : due.slice(0, 1), cancel: [] }),
  Replace: (due, unfinished) => ({ ticks: due.slice(-1), cancel: due.length > 0 ? unfinished : [] }),
};

/** Ticks without a run that the policy does not let go, oldest first. */
function dueTicks({ pipeline, spec, runs, since, now }: ScheduleInput, schedule: string): readonly number[] {
  const ticks = ticksOf(schedule, spec.timeZone);
  const after = Math.max(since.getTime(), lastTick(pipeline, runs, now));
  const most = spec.missedRunPolicy === 'All' ? mostMadeUp : 1;
  const due: number[] = [];
  for (let tick = ticks.last(now.getTime()); tick > after && due.length < most; tick = ticks.last(tick - 1)) {
    due.unshift(tick);
  }
  return spec.missedRunPolicy === 'None' ? due.filter((tick) => !isMissed(tick, now)) : due;
}

const isMissed = (tick: number, now: Date): boolean => now.getTime() - tick >= onTimeMs;

/** The newest tick that has a run. One in the future, left by a clock that was wrong, must not stop the schedule. */
const lastTick = (pipeline: string, runs: readonly KnownRun[], now: Date): number =>
  runs
    .filter(({ name, asOf }) => name === scheduledRunName(pipeline, asOf.getTime()) && asOf <= now)
    .reduce((latest, { asOf }) => Math.max(latest, asOf.getTime()), 0);

/** The one name that a tick's run can have: `<pipeline>-<minutes since 1970>`. */
export const scheduledRunName = (pipeline: string, tick: number): string => `${pipeline}-${Math.floor(tick / 60_000)}`;

/** How long a pipeline of an installation waits before it makes up for what it missed. */
export const jitterOf = (installation: string, pipeline: string): number =>
  createHash('sha256').update(`${installation}/${pipeline}`).digest().readUInt32BE() % jitterSpanMs;

/** The annotation by which a person lets a schedule rest. Applying the manifest again leaves it alone. */
export const pausedAnnotation = 'jobpulse.dev/paused';

/** Whether somebody paused the pipeline. */
export const isPaused = ({ metadata }: Pick<Pipeline, 'metadata'>): boolean =>
  metadata.annotations?.[pausedAnnotation] === 'true';

/**
 * The condition `Suspended` of a pipeline that has a schedule, or runs after others. While it is `False`, its time is since when the schedule
 * is on: another schedule, or one that rested, begins anew, and what went by before is not made up for.
 */
export function scheduleCondition(pipeline: Pipeline, now: Date): Condition | undefined {
  const { suspend } = pipeline.spec;
  const starts = startsText(pipeline.spec);
  if (starts === '') return undefined;
  const observed = isPaused(pipeline)
    ? { status: 'True' as const, reason: 'Paused', message: `${starts} rests: somebody paused it` }
    : suspend
      ? { status: 'True' as const, reason: 'Suspended', message: `${starts} rests: suspend is true` }
      : { status: 'False' as const, reason: 'Scheduled', message: starts };
  const before = pipeline.status?.conditions?.find(({ type }) => type === 'Suspended');
  const isSame = before?.status === observed.status && before.message === observed.message;
  return {
    type: 'Suspended',
    ...observed,
    observedGeneration: pipeline.metadata.generation ?? 1,
    lastTransitionTime: isSame ? before.lastTransitionTime : now.toISOString(),
  };
}

/** What makes a pipeline run by itself: `0 6 * * * (UTC), after a, b`. */
const startsText = ({ schedule, timeZone, after }: PipelineSpec): string =>
  [
    ...(schedule === undefined ? [] : [`${schedule} (${timeZone})`]),
    ...(after === undefined || after.length === 0 ? [] : [`after ${after.join(', ')}`]),
  ].join(', ');
