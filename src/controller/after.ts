import { createHash } from 'node:crypto';
import type { Pipeline, PipelineRun, PipelineSpec, Problem } from '../api/index.ts';
import { hasEnded } from './runs.ts';
import { concurrency } from './schedule.ts';
import { triggerLabel } from './trigger.ts';

/** On a run that was made after others: the logical time of the newest successful run of each, as JSON. */
export const sawAnnotation = 'jobpulse.dev/saw';

/** All that depends on other pipelines. */
export interface AfterInput {
  readonly pipeline: string;
  /** `suspend` also when somebody paused it. */
  readonly spec: Pick<PipelineSpec, 'after' | 'concurrencyPolicy' | 'suspend'>;
  /** Runs of this pipeline. */
  readonly runs: readonly PipelineRun[];
  /** Runs of another pipeline of the namespace. */
  readonly runsOf: (pipeline: string) => readonly PipelineRun[];
  /** When `after` went on. What had ended by then is not made up for. */
  readonly since: Date;
  readonly now: Date;
}

export interface AfterDecision {
  readonly create?: {
    readonly name: string;
    readonly asOf: Date;
    readonly annotations: Readonly<Record<string, string>>;
  };
  /** Names of runs to cancel. */
  readonly cancel: readonly string[];
}

const nothing: AfterDecision = { cancel: [] };

/**
 * Decides whether a pipeline runs because all those before it have: each has a successful run newer than what the last
 * such run saw. Deciding again, or twice at once, asks for the same run by the same name.
 */
export function decideAfter(input: AfterInput): AfterDecision {
  const { pipeline, spec, runs, now } = input;
  if (spec.after.length === 0 || spec.suspend) return nothing;
  const saw = sees(input);
  if (!saw) return nothing;
  const unfinished = runs.filter((run) => !hasEnded(run)).map(({ metadata }) => metadata.name);
  const { ticks, cancel } = concurrency[spec.concurrencyPolicy]([now.getTime()], unfinished);
  if (ticks.length === 0) return nothing; // it is decided again when the run that is going on has ended
  const latest = Math.max(0, ...runs.map(asOfOf));
  const asOf = new Date(Math.max(now.getTime(), latest + 1));
  return { create: { name: runName(pipeline, saw), asOf, annotations: { [sawAnnotation]: saw } }, cancel };
}

/** What there is to see of those before, as it is noted on the run; nothing while one of them has nothing new. */
function sees({ spec, runs, runsOf, since }: AfterInput): string | undefined {
  const seen = lastSeen(runs);
  const newest = spec.after.toSorted().map((name) => {
    const fresh = runsOf(name).filter((run) => isNewSuccess(run, seen.get(name), since));
    return [name, Math.max(0, ...fresh.map(asOfOf))] as const;
  });
  if (newest.some(([, asOf]) => asOf === 0)) return undefined;
  return JSON.stringify(Object.fromEntries(newest.map(([name, asOf]) => [name, new Date(asOf).toISOString()])));
}

/** The newest that any run which was made after others saw; ISO times sort as text. */
function lastSeen(runs: readonly PipelineRun[]): ReadonlyMap<string, string> {
  const newest = new Map<string, string>();
  for (const { metadata } of runs) {
    if (metadata.labels?.[triggerLabel] !== 'After') continue;
    for (const [name, asOf] of Object.entries(parseSaw(metadata.annotations?.[sawAnnotation]))) {
      if (asOf > (newest.get(name) ?? '')) newest.set(name, asOf);
    }
  }
  return newest;
}

function parseSaw(annotation = '{}'): Readonly<Record<string, string>> {
  try {
    return JSON.parse(annotation) as Record<string, string>;
  } catch {
    return {}; // somebody wrote over it: `since` still holds off what is old
  }
}

const isNewSuccess = (run: PipelineRun, seen: string | undefined, since: Date): boolean =>
  run.status?.phase === 'Succeeded' &&
  Date.parse(run.status.finishTime ?? '') > since.getTime() &&
  asOfOf(run) > (Date.parse(seen ?? '') || 0);

const asOfOf = ({ status }: PipelineRun): number => Date.parse(status?.asOf ?? '') || 0;

/** The one name that the run can have which saw this; at most 57 characters. */
const runName = (pipeline: string, saw: string): string =>
  `${pipeline}-after-${createHash('sha256').update(saw).digest('hex').slice(0, 10)}`;

type Linked = Pick<Pipeline, 'metadata'> & { readonly spec: Pick<PipelineSpec, 'after'> };

/** The pipelines by which one runs after itself, from it and back to it; the shortest way. */
export function cyclePath(name: string, pipelines: readonly Linked[]): readonly string[] | undefined {
  const before = new Map(pipelines.map(({ metadata, spec }) => [metadata.name, spec.after ?? []]));
  const visited = new Set<string>();
  let paths: readonly (readonly string[])[] = [[name]];
  while (paths.length > 0) {
    const longer = paths.flatMap((path) => (before.get(path.at(-1) ?? '') ?? []).map((next) => [...path, next]));
    const cycle = longer.find((path) => path.at(-1) === name);
    if (cycle) return cycle;
    paths = longer.filter((path) => {
      const end = path.at(-1) ?? '';
      return !visited.has(end) && visited.add(end);
    });
  }
  return undefined;
}

/** What is wrong with a pipeline that would run after itself: it would never run, or never stop. */
export function afterCycle(name: string, pipelines: readonly Linked[]): Problem | undefined {
  const cycle = cyclePath(name, pipelines);
  if (!cycle) return undefined;
  const found = cycle.join(' runs after ');
  return {
    path: 'spec.after',
    found,
    message: `spec.after: found a circle, in which no pipeline can be first: ${found}`,
    fix: 'Strike one of them from `after`.',
  };
}
