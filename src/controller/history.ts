import type { PipelineRun, PipelineSpec } from '../api/index.ts';
import { parseDuration } from '../api/parseUnits.ts';
import { hasEnded } from './runs.ts';
import { type Trigger, triggerLabel } from './trigger.ts';

/** How many ended runs of a pipeline stay. */
export type HistoryLimits = Pick<PipelineSpec, 'successfulRunsHistoryLimit' | 'failedRunsHistoryLimit'>;

/** So many ended runs that somebody asked for stay at most, whatever their `ttl`; their reports are in the lake. */
export const keptByHand = 100;

/** Runs that nobody asked for: there would be more and more of them. */
const own: readonly string[] = ['Schedule', 'After'] satisfies readonly Trigger[];

/**
 * Names of the runs of one pipeline that nobody has to see any more: those whose `ttl` is over, and the oldest beyond
 * the limits. What the next decision is made from stays: the newest run of each origin, which tells the last tick or
 * what was seen of other pipelines, and the newest that succeeded, which those wait for that run after this one.
 */
export function runsToDelete(runs: readonly PipelineRun[], limits: HistoryLimits, now: Date): readonly string[] {
  const newestFirst = runs.toSorted((a, b) => asOfOf(b) - asOfOf(a));
  const needed = new Set([newestFirst.find(hasSucceeded), ...newestOfEach(newestFirst)]);
  const ended = newestFirst.filter(hasEnded);
  const ofItself = ended.filter((run) => own.includes(originOf(run)));
  const gone = [
    ...ended.filter((run) => isOver(run, now)),
    ...ofItself.filter(hasSucceeded).slice(limits.successfulRunsHistoryLimit),
    ...ofItself.filter((run) => !hasSucceeded(run)).slice(limits.failedRunsHistoryLimit),
    ...ended.filter((run) => !own.includes(originOf(run))).slice(keptByHand),
  ];
  return [...new Set(gone)].filter((run) => !needed.has(run)).map(({ metadata }) => metadata.name);
}

/** The first run of each origin. */
const newestOfEach = (newestFirst: readonly PipelineRun[]): readonly PipelineRun[] =>
  own.flatMap((origin) => newestFirst.find((run) => originOf(run) === origin) ?? []);

const originOf = ({ metadata }: PipelineRun): string => metadata.labels?.[triggerLabel] ?? 'Manual';

const asOfOf = ({ status }: PipelineRun): number => Date.parse(status?.asOf ?? '') || 0;

const hasSucceeded = ({ status }: PipelineRun): boolean => status?.phase === 'Succeeded';

const isOver = ({ spec, status }: PipelineRun, now: Date): boolean =>
  now.getTime() - Date.parse(status?.finishTime ?? '') > parseDuration(spec.ttl);
