import { parseDuration } from '../api/parseUnits.ts';
import { fromIso, type Intervals, subtract, union } from './intervals.ts';
import { itemKey } from './items.ts';
import { digestOf, type Json } from './key.ts';
import { loadedOf } from './loads.ts';
import type { PlanInput } from './plan.ts';
import { finishedSlices, isWindow, type RawSlice } from './slices.ts';
import type { DatasetSpecs } from './specs.ts';
import { cleanStep, isOf } from './steps.ts';
import type { ExtractLedger, Manifest } from './types.ts';

/** What must be the same for periods to stay settled: other rules make work of what was done. */
export function rulesOf(input: Pick<PlanInput, 'specs' | 'slice'>, dataset: DatasetSpecs): string {
  const source = sourceOf(input, dataset);
  const { extract, clean, load } = dataset;
  return digestOf({
    ...{ window: extract.value.extract.window ?? null, timeZone: clean.value.timeZone, params: input.slice.params },
    ...{ clean: clean.identity, load: load.identity },
    ...(source ? { asks: extract.identity, source: rulesOf(input, source) } : {}),
  } as Json);
}

/**
 * Whether anything of a dataset can be settled: of one that is asked about windows, and of one that asks for what is
 * found in windows and skips what is known; not of snapshots.
 */
export const canSettle = (input: Pick<PlanInput, 'specs'>, dataset: DatasetSpecs): boolean =>
  (dataset.extract.value.extract.window !== undefined && dependents(input, dataset).every(skipsKnown)) ||
  sourceOf(input, dataset) !== undefined;

/** The window dataset whose rows a dataset asks for, if it skips those that are known. */
export function sourceOf({ specs }: Pick<PlanInput, 'specs'>, dataset: DatasetSpecs): DatasetSpecs | undefined {
  const from = dataset.extract.value.extract.rest?.forEach?.dataset;
  const source = specs.datasets.find(({ name }) => name === from);
  return source?.extract.value.extract.window && skipsKnown(dataset) ? source : undefined;
}

const dependents = ({ specs }: Pick<PlanInput, 'specs'>, { name }: DatasetSpecs): readonly DatasetSpecs[] =>
  specs.datasets.filter((other) => other.extract.value.extract.rest?.forEach?.dataset === name);

const skipsKnown = ({ extract }: DatasetSpecs): boolean => extract.value.extract.rest?.forEach?.skip === 'Known';

/**
 * Of a dataset that asks for what is found in windows: the logical times whose runs need not be looked at, because an
 * item of a window that is not settled is known only to runs after its end.
 */
export function timesBefore(periods: Intervals, { extract }: DatasetSpecs): Intervals {
  const begin = Date.parse(extract.value.extract.window?.start ?? '');
  const end = periods.find((period) => period.start <= begin && begin < period.end)?.end;
  return end === undefined ? [] : [{ start: 0, end }];
}

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
  const { last, kept, isDone } = doneBefore(input, specs, before);
  if (!last || !isOf(input, last, specs.load)) return { periods: [], kept: [] };
  const source = sourceOf(input, specs);
  if (!source) return { periods: settledWindows(input, specs, before, isDone), kept };
  const open = input.manifests.filter((each) => isExtractOf(each, specs) && !isDone(each));
  const end = Math.min(...open.map(({ slice }) => Date.parse(slice.asOf)));
  const times = timesBefore(settledOf(input, source, before).periods, source);
  return { periods: subtract(times, [{ start: end, end: Infinity }]), kept };
}

function settledWindows(
  input: PlanInput,
  specs: DatasetSpecs,
  before: string,
  isDone: (part: Manifest) => boolean,
): Intervals {
  const known = input.settled?.get(specs.name) ?? [];
  // What was found in a period must be known as well, for nobody will look there again.
  if (!dependents(input, specs).every((each) => asksForNothing(input, each, before))) return known;
  const finished = finishedSlices(input.manifests, specs.name);
  const done = new Set(finished.filter(({ parts }) => parts.every(isDone)).flatMap(({ parts }) => parts));
  const open = input.manifests.filter((each) => isExtractOf(each, specs) && !done.has(each));
  const closed = finished
    .filter(({ parts }) => parts.every((part) => done.has(part)))
    .flatMap((look) => closedBy(look, specs));
  return subtract(union([...closed, ...known]), union(open.flatMap(periodOf)));
}

/** What of a dataset was published, cleaned and loaded before a moment, and what is to be read whatever is settled. */
function doneBefore(input: PlanInput, { name, clean }: DatasetSpecs, before: string) {
  const isBefore = ({ finishedAt }: Manifest): boolean => finishedAt < before;
  const published = new Map(input.manifests.map((each) => [each.key, each]));
  const { last, same } = loadedOf({ manifests: input.manifests, dataset: name });
  const { isLoaded } = loadedOf({ manifests: input.manifests.filter(isBefore), dataset: name });
  const isDone = (part: Manifest): boolean => {
    const cleaned = published.get(cleanStep(input, name, clean, part).key);
    return [part, cleaned].every((each) => each !== undefined && isBefore(each) && isLoaded(each));
  };
  return { last, kept: last ? [last, ...same.slice(0, 1)] : [], isDone };
}

const isExtractOf = ({ dataset, stage }: Manifest, { name }: DatasetSpecs): boolean =>
  dataset === name && stage === 'Extract';

/** A list that is so much younger than what is to be settled has seen all of it. */
const listMarginMs = 5 * 60_000;

/** Whether a run has asked for all that there was to ask for, and nothing was left over. */
function asksForNothing(input: PlanInput, specs: DatasetSpecs, before: string): boolean {
  const list = input.items?.get(specs.name);
  if (!list || input.run.interval || Date.parse(list.at) < Date.parse(before) + listMarginMs) return false;
  const ledgers = new Map(input.manifests.map(({ key, ledger }) => [key, ledger as ExtractLedger]));
  return [...list.parts, ...list.adopted].every((part) => ledgers.get(itemKey(input, specs, part))?.deferred === 0);
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
