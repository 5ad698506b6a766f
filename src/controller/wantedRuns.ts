import type { Condition, Pipeline, PipelineRun } from '../api/index.ts';
import { decideAfter } from './after.ts';
import { hasEnded } from './runs.ts';
import { decideSchedule, type ScheduleDecision, scheduleCondition } from './schedule.ts';
import type { Trigger } from './trigger.ts';

/** A run that nobody asked for. */
export interface WantedRun {
  readonly name: string;
  readonly asOf: Date;
  readonly trigger: Trigger;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a pipeline's schedule, and the pipelines that it runs after, ask for now. */
export interface WantedRuns extends Pick<ScheduleDecision, 'cancel' | 'nextRun' | 'lookAt'> {
  readonly create: readonly WantedRun[];
  /** Since when the schedule is on; it must be stored before a run is made. */
  readonly condition?: Condition;
}

/** Nobody asks for anything. */
export const noRuns: WantedRuns = { create: [], cancel: [] };

/** Since when a controller looks without a break, how long this pipeline lets others go first, and what time it is. */
export type Moment = Pick<Parameters<typeof decideSchedule>[0], 'awakeSince' | 'jitterMs' | 'now'>;

/** Decides what a valid pipeline, with its status of before, asks for. */
export function wantedRuns(
  pipeline: Pipeline,
  runsOf: (pipeline: string) => readonly PipelineRun[],
  moment: Moment,
): WantedRuns {
  const { name } = pipeline.metadata;
  const { now } = moment;
  const condition = scheduleCondition(pipeline, now);
  const spec = { ...pipeline.spec, suspend: condition?.status !== 'False' };
  const since = new Date(condition?.lastTransitionTime ?? now);
  const runs = runsOf(name);
  const { create, cancel, ...times } = decideSchedule({
    ...{ pipeline: name, spec, since, ...moment },
    runs: runs.map((run) => ({
      ...{ name: run.metadata.name, ended: hasEnded(run) },
      asOf: new Date(run.status?.asOf ?? 0),
    })),
  });
  const told = { ...times, ...(condition && { condition }) };
  // One run at a time: what others ask for is decided at the next look.
  if (create.length > 0) return { ...told, cancel, create: create.map((run) => ({ ...run, trigger: 'Schedule' })) };
  const after = decideAfter({ pipeline: name, spec, runs, runsOf, since, now });
  return {
    ...told,
    create: after.create ? [{ ...after.create, trigger: 'After' }] : [],
    cancel: [...cancel, ...after.cancel],
  };
}
