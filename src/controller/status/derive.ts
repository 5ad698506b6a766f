import type { Condition, PipelineStatus } from '../../api/index.ts';
import { hasEnded } from '../runs.ts';
import { scheduleCondition } from '../schedule.ts';
import { judges } from './conditions/index.ts';
import { no, type Verdict } from './conditions/judge.ts';
import { ready } from './conditions/ready.ts';
import { workersDueAt } from './conditions/workersReady.ts';
import { datasetsOf, freshUntil, lastRunOf, lastSuccess, rejectedOf } from './runs.ts';
import { isValid, type Seen, specAtWork, statusBefore } from './seen.ts';
import { backlogOf, stagesOfPipeline } from './stages.ts';

/**
 * The status of a pipeline, from what is seen of it. Pure: the same input gives the same bytes, nothing in it changes
 * because time passes, and with its own outcome as the status of before it gives the same again.
 */
export function deriveStatus(seen: Seen): PipelineStatus {
  const conditions = conditionsOf(seen);
  const until = freshUntil(seen);
  return present({
    observedGeneration: generationOf(seen),
    phase: phaseOf(seen, conditions),
    lastRun: lastRunOf(seen),
    lastSuccessTime: lastSuccess(seen),
    nextRunTime: seen.nextRun?.toISOString(),
    freshUntil: until?.toISOString(),
    backlog: backlogOf(seen),
    rejected: rejectedOf(seen),
    stages: [...stagesOfPipeline(seen)],
    datasets: datasetsOf(seen),
    conditions: [...conditions],
  });
}

/** When the status may change although nothing happens: data stops being fresh enough, workers take too long to start. */
export function statusChangesAt(seen: Seen): Date | undefined {
  const until = freshUntil(seen);
  const [first] = [until && until > seen.now ? until : undefined, workersDueAt(seen)]
    .filter((at) => at !== undefined)
    .toSorted((a, b) => a.getTime() - b.getTime());
  return first;
}

const generationOf = ({ pipeline }: Seen): number => pipeline.metadata.generation ?? 1;

function conditionsOf(seen: Seen): readonly Condition[] {
  const others = [
    ...Object.entries(judges).map(([type, judge]) => conditionOf(seen, type, judge(seen))),
    suspended(seen),
  ];
  return [conditionOf(seen, 'Ready', ready(seen, others)), ...others];
}

/** What `Suspended` says while nobody knows the schedule that is at work. */
const noSchedule = no('NoSchedule');

/** The schedule has a say of its own: it counts from when this condition last changed. */
function suspended(seen: Seen): Condition {
  const spec = specAtWork(seen);
  const before = conditionBefore(seen, 'Suspended');
  if (spec === undefined) return before ?? conditionOf(seen, 'Suspended', noSchedule);
  const found = scheduleCondition({ ...seen.pipeline, spec }, seen.now);
  if (found === undefined) return conditionOf(seen, 'Suspended', noSchedule);
  return { ...found, observedGeneration: judgedGeneration(seen, 'Suspended') };
}

function conditionOf(seen: Seen, type: string, verdict: Verdict): Condition {
  const before = conditionBefore(seen, type);
  const isSame = before?.status === verdict.status;
  return {
    type,
    ...verdict,
    observedGeneration: judgedGeneration(seen, type),
    lastTransitionTime: isSame ? before.lastTransitionTime : seen.now.toISOString(),
  };
}

/** `Valid` and `Ready` are about the spec as it stands; while that is not valid, all else is about the one before. */
function judgedGeneration(seen: Seen, type: string): number {
  if (type === 'Valid' || type === 'Ready' || isValid(seen)) return generationOf(seen);
  return conditionBefore(seen, type)?.observedGeneration ?? generationOf(seen);
}

const conditionBefore = (seen: Seen, type: string): Condition | undefined =>
  statusBefore(seen).conditions?.find((condition) => condition.type === type);

function phaseOf({ runs }: Seen, conditions: readonly Condition[]): NonNullable<PipelineStatus['phase']> {
  const is = (type: string, status: Condition['status']) =>
    conditions.some((condition) => condition.type === type && condition.status === status);
  if (is('Valid', 'False')) return 'Invalid';
  if (is('Ready', 'False')) return 'Degraded';
  if (runs.some((run) => !hasEnded(run)) || is('WorkersReady', 'False')) return 'Progressing';
  return is('Suspended', 'True') ? 'Suspended' : 'Ready';
}

/** Without the fields that have no value, in the order given. */
const present = <Fields extends object>(fields: Fields): { [Key in keyof Fields]?: NonNullable<Fields[Key]> } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
