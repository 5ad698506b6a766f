import { parseDuration } from '../api/parseUnits.ts';
import { fromIso, type Intervals, subtract, union } from './intervals.ts';
import { digestOf, type Json } from './key.ts';
import { loadedOf } from './loads.ts';
import type { PlanInput } from './plan.ts';
import { finishedSlices, isWindow, type RawSlice } from './slices.ts';
import type { DatasetSpecs } from './specs.ts';
import { cleanStep, isOf } from './steps.ts';
import type { Manifest } from './types.ts';

/** What must be the same for periods to stay settled: other rules make work of what was done. */
export const rulesOf = ({ extract, clean, load }: DatasetSpecs, params: string): string =>
  digestOf({
    ...{ window: extract.value.extract.window ?? null, timeZone: clean.value.timeZone, params },
    ...{ clean: clean.identity, load: load.identity },
  } as Json);

/** Whether the periods of a dataset can be settled at all: not of snapshots, nor of what another dataset goes through. */
export const canSettle = ({ specs }: Pick<PlanInput, 'specs'>, { name, extract }: DatasetSpecs): boolean =>
  extract.value.extract.window !== undefined &&
  !specs.datasets.some((other) => other.extract.value.extract.rest?.forEach?.dataset === name);

/** Periods about which there is nothing to do, and what must be read of them nevertheless. */
export interface Settled {
  readonly periods: Intervals;
  /** The newest load, and the first that gave the same rows: what is planned on top of the table starts from them. */
  readonly kept: readonly Manifest[];
}

/**
 * The periods whose every look is closed, cleaned and loaded by today's rules, all before a moment: planning need not
 * read about them again.
 */
export function settledOf(input: PlanInput, specs: DatasetSpecs, before: string): Settled {
  const { name, load } = specs;
  const isBefore = ({ finishedAt }: Manifest): boolean => finishedAt < before;
  const known = { ...input, published: new Map(input.manifests.map((each) => [each.key, each])), holding: [] };
  const { last, same } = loadedOf({ ...known, dataset: name });
  const { isLoaded } = loadedOf({ manifests: input.manifests.filter(isBefore), dataset: name });
  if (!last || !isOf(input, last, load)) return { periods: [], kept: [] };
  const isDone = (part: Manifest): boolean => {
    const cleaned = known.published.get(cleanStep(input, name, specs.clean, part).key);
    return [part, cleaned].every((each) => each !== undefined && isBefore(each) && isLoaded(each));
  };
  const finished = finishedSlices(input.manifests, name);
  const done = new Set(finished.filter(({ parts }) => parts.every(isDone)).flatMap(({ parts }) => parts));
  const open = input.manifests.filter((each) => each.dataset === name && each.stage === 'Extract' && !done.has(each));
  const closed = finished
    .filter(({ parts }) => parts.every((part) => done.has(part)))
    .flatMap((look) => closedBy(look, specs));
  const periods = subtract(union([...closed, ...(input.settled?.get(name) ?? [])]), union(open.flatMap(periodOf)));
  return { periods, kept: [last, ...same.slice(0, 1)] };
}

const periodOf = ({ slice }: Pick<Manifest, 'slice'>) => (isWindow(slice) ? [fromIso(slice)] : []);

/** What a look closed. */
function closedBy({ slice }: RawSlice, { extract }: DatasetSpecs) {
  const { every = '1d', lookback = 0 } = extract.value.extract.window ?? {};
  const patience = lookback * parseDuration(every);
  return periodOf({ slice }).map(({ start, end }) => ({
    start,
    end: Math.min(end, Date.parse(slice.asOf) - patience),
  }));
}
