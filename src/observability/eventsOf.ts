import { type EventReason, events } from '../api/events.ts';
import type { Condition, Pipeline, PipelineRun, PipelineStatus } from '../api/index.ts';
import type { WorkEvent } from '../queue/events.ts';
import { awayOf, awayText } from '../run/away.ts';
import { triggerOf } from './endedRuns.ts';
import { poolsOf } from './view.ts';

/** An event to be written about a resource. */
export interface NewEvent {
  readonly reason: EventReason;
  readonly type: 'Normal' | 'Warning';
  /** For people; at most 1,024 characters. */
  readonly note: string;
  /** What was done, in one word. */
  readonly action: string;
}

/** What the API server takes. */
const longestNote = 1024;

function event(reason: EventReason, action: string, note: string): NewEvent {
  const short = note.length > longestNote ? `${note.slice(0, longestNote - 1)}…` : note;
  return { reason, type: events[reason].type, action, note: short };
}

/** What to tell when the status of a run has changed: a look at the same status twice tells nothing. */
export function eventsOfRun(before: PipelineRun | undefined, after: PipelineRun): readonly NewEvent[] {
  const phase = after.status?.phase;
  if (phase === undefined || phase === before?.status?.phase) return [];
  const run = after.metadata.name;
  switch (phase) {
    case 'Running':
      return isBeginning(before) ? [event('RunStarted', 'StartRun', `${run}: ${startText(after)}`)] : [];
    case 'Succeeded':
      return [event('RunSucceeded', 'EndRun', `${run}: ${figuresText(after)}`), ...spentBudgets(after)];
    case 'Failed':
      return [event('RunFailed', 'EndRun', `${run}: ${failureText(after)}`)];
    case 'Cancelled':
      return [event('RunCancelled', 'CancelRun', `${run}: ${stepsText(after)} published, the rest is left`)];
    case 'Pending':
    case 'Paused':
      return [];
  }
}

/** What to tell of what a worker told; always in the same words, so that many steps make one event that is counted. */
export function eventsOfWork(told: WorkEvent): readonly NewEvent[] {
  const away = told.type === 'retrying' ? awayOf(told.reason) : undefined;
  return away === undefined ? [] : [event(away, 'WaitForServer', `${told.run}: ${awayText(away)}`)];
}

/** A run that goes on after a pause has begun before. */
const isBeginning = (before: PipelineRun | undefined): boolean =>
  before?.status?.phase === undefined || before.status.phase === 'Pending';

const startText = (run: PipelineRun): string =>
  triggerOf(run) === 'Schedule'
    ? `started by the tick of ${run.status?.asOf}`
    : `started by hand (${triggerOf(run)}), as of ${run.status?.asOf ?? 'now'}`;

const figures = ['read', 'rejected', 'added', 'modified', 'unchanged', 'marked'] as const;

function figuresText({ status }: PipelineRun): string {
  const datasets = (status?.datasets ?? []).map((dataset) => {
    const told = figures.flatMap((name) => (dataset[name] ? [`${name} ${dataset[name]}`] : []));
    return `${dataset.name}: ${told.length === 0 ? 'nothing new' : told.join(', ')}`;
  });
  return datasets.length === 0 ? 'done' : datasets.join('; ');
}

function failureText({ status }: PipelineRun): string {
  const [first, ...others] = status?.failures ?? [];
  if (!first) return conditionOf(status?.conditions, 'Succeeded')?.message ?? 'no step tells why';
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${first.stage} of ${first.dataset}: ${first.reason}: ${first.message}${more}`;
}

const spentBudgets = ({ metadata, status }: PipelineRun): NewEvent[] =>
  (status?.datasets ?? [])
    .filter(({ deferred = 0 }) => deferred > 0)
    .map(({ name, deferred }) =>
      event('BudgetSpent', 'DeferItems', `${metadata.name}: ${name}: ${deferred} items are left to the next run`),
    );

const stepsText = ({ status }: PipelineRun): string =>
  `${status?.steps?.done ?? 0} of ${status?.steps?.total ?? 0} steps`;

/** What to tell when the status of a pipeline has changed. */
export function eventsOfPipeline(before: Pipeline | undefined, after: Pipeline): readonly NewEvent[] {
  return [
    ...verdictOnSpec(before?.status, after.status),
    ...troubleWithWorkers(before?.status, after.status),
    ...scalings(before, after),
  ];
}

function verdictOnSpec(before?: PipelineStatus, after?: PipelineStatus): readonly NewEvent[] {
  const [was, is] = [conditionOf(before?.conditions, 'Valid'), conditionOf(after?.conditions, 'Valid')];
  const isNews = was?.status !== is?.status || was?.observedGeneration !== is?.observedGeneration;
  if (!is || !isNews) return [];
  if (is.status === 'False') return [event('SpecRefused', 'Validate', `${is.reason}: ${is.message}`)];
  if (is.status === 'Unknown') return [];
  return [
    event('SpecAccepted', 'Validate', `generation ${is.observedGeneration ?? 1} is valid and is used from now on`),
  ];
}

/** Workers that take their time to start are no trouble. */
const troubles: Readonly<Record<string, EventReason>> = {
  NameConflict: 'NameConflict',
  WorkersMissing: 'WorkersFailing',
};

function troubleWithWorkers(before?: PipelineStatus, after?: PipelineStatus): readonly NewEvent[] {
  const is = conditionOf(after?.conditions, 'WorkersReady');
  const reason = is?.status === 'False' ? troubles[is.reason] : undefined;
  if (!is || !reason || conditionOf(before?.conditions, 'WorkersReady')?.reason === is.reason) return [];
  return [event(reason, 'KeepWorkers', is.message)];
}

function scalings(before: Pipeline | undefined, after: Pipeline): readonly NewEvent[] {
  const sizes = new Map(poolSizes(before).map(({ pool, desired }) => [pool, desired]));
  return poolSizes(after).flatMap(({ pool, desired, why }) => {
    const from = sizes.get(pool) ?? 0;
    return from === desired ? [] : [event('Scaled', 'Scale', `workers of ${pool}: from ${from} to ${desired}${why}`)];
  });
}

function poolSizes(pipeline: Pipeline | undefined) {
  const { metadata, status } = pipeline ?? {};
  return poolsOf({ namespace: metadata?.namespace ?? '', name: metadata?.name ?? '', status }).flatMap(
    ({ pool, desired, reason, limits }) =>
      desired === undefined ? [] : [{ pool, desired, why: whyText(reason, limits) }],
  );
}

function whyText(reason: string | undefined, limits: readonly string[]): string {
  if (reason === undefined) return '';
  return limits.length === 0 ? `, ${reason}` : `, ${reason}, limited by ${limits.join(', ')}`;
}

const conditionOf = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((condition) => condition.type === type);
