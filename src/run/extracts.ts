import { daysOf } from './calendar.ts';
import { fromIso, type Intervals, intersect, subtract, union } from './intervals.ts';
import { asksForItems, planItems } from './items.ts';
import { planParts } from './parts.ts';
import type { DatasetInput, PlanInput } from './plan.ts';
import { finishedSlices, isWindow } from './slices.ts';
import type { DatasetSpecs } from './specs.ts';
import type { Slice, Step } from './types.ts';
import { planWindows, type WindowPlan } from './windows.ts';

/** The extract steps that are missing: of this run's snapshot, or of the windows it asks for. */
export function planExtract(input: DatasetInput, specs: DatasetSpecs): readonly Step[] {
  if (asksForItems(specs)) return planItems(input, specs);
  const windows = windowsOf(input, specs);
  if (windows) return windows.asked.flatMap((slice) => planParts(input, specs.extract, slice));
  // A source of snapshots cannot be asked about the past.
  return input.run.interval ? [] : planParts(input, specs.extract, input.slice);
}

/** What this run asks a window dataset for; `undefined` for snapshots. */
export function windowsOf(input: PlanInput, { name, extract, clean }: DatasetSpecs): WindowPlan | undefined {
  const { window } = extract.value.extract;
  if (!window) return undefined;
  const { interval, refresh = false } = input.run;
  return planWindows({
    ...{ window, refresh, timeZone: clean.value.timeZone, slice: input.slice, ...(interval ? { interval } : {}) },
    finished: finishedSlices(input.manifests, name),
    extracts: input.manifests.filter(({ dataset, stage }) => dataset === name && stage === 'Extract'),
    settled: input.settled?.get(name) ?? [],
  });
}

/** Periods of a dataset that are in the lake, and those asked for that its source can no longer be asked about. */
export interface Coverage {
  readonly covered: Intervals;
  readonly unavailable: Intervals;
}

/** Of snapshots, the local days on which one was taken, as far as the run is about a period. */
export function coverageOf(input: PlanInput, specs: DatasetSpecs): Coverage {
  const windows = windowsOf(input, specs);
  if (windows) return windows;
  const { interval } = input.run;
  if (!interval) return { covered: [], unavailable: [] };
  const asked = union([fromIso(interval)]);
  const taken = finishedSlices(input.manifests, specs.name)
    .filter(({ parts }) => !parts.some(({ key }) => input.expired.has(key)))
    .map(({ slice }) => Date.parse(slice.asOf));
  const covered = intersect(asked, union(daysOf(taken, specs.clean.value.timeZone)));
  return { covered, unavailable: subtract(asked, covered) };
}

/** Whether a run is about a slice: a window that the run's period touches, a snapshot taken within it. */
export function isInScope({ run: { interval } }: PlanInput, slice: Slice): boolean {
  if (!interval) return true;
  const { start, end } = fromIso(interval);
  if (isWindow(slice)) return Date.parse(slice.start) < end && start < Date.parse(slice.end);
  return start <= Date.parse(slice.asOf) && Date.parse(slice.asOf) < end;
}
