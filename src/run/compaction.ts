import { parseDuration } from '../api/parseUnits.ts';
import { manifestDigest } from '../lake/lake.ts';
import { fromIso, hull, toIso } from './intervals.ts';
import { type CleanSlice, cleanSlices, loadedOf } from './loads.ts';
import type { DatasetInput } from './plan.ts';
import { isWindow } from './slices.ts';
import type { DatasetSpecs } from './specs.ts';
import { bytesOf, cleanStep, step } from './steps.ts';
import type { Manifest, Slice, Step } from './types.ts';

/** When a pack pays, and how much one step does. */
export const packLimits = {
  /** A slice with more bytes of rows than this is read about as fast alone. */
  smallBytes: 2 ** 20,
  /** Below this a pack saves less than the step that makes it costs: of hourly windows it is four days. */
  fewestSlices: 100,
  /** Some seconds of work; and a pack stays while one slice of it is current, so it should not be of too many. */
  mostSlices: 1000,
  mostFiles: 10_000,
  mostBytes: 128 * 2 ** 20,
  /** A run that finds years of history leaves some of it to the next. */
  packsPerRun: 10,
  /** A pack goes when all that is in it may go, so its slices are of about one age. */
  shareOfRetention: 0.1,
};
type PackLimits = typeof packLimits;

/**
 * Packs of closed windows: what is cleaned by today's rules, loaded and no longer asked for is brought together where
 * there is much of it in small pieces. Each slice is written anew once. All of it is about where bytes lie: what is
 * published, and every digest, stays as it is.
 */
export function planCompaction(input: DatasetInput, specs: DatasetSpecs, limits = packLimits): readonly Step[] {
  if (!specs.extract.value.extract.window || input.run.interval || input.run.refresh) return [];
  const made = input.manifests.filter(
    ({ stage, dataset, run }) => stage === 'Compact' && dataset === specs.name && run === input.run.name,
  );
  const failed = new Set(input.failures.map(({ key }) => key));
  return groups(input, scattered(input, specs, limits), limits)
    .slice(0, Math.max(0, limits.packsPerRun - made.length))
    .map((slices) => {
      const inputs = slices.flatMap((each) => each.inputs);
      return step(input, 'Compact', specs.name, specs.compact, wholeOf(slices), '0', inputs);
    })
    .filter(({ key }) => !failed.has(key) && !input.published.has(key));
}

/** Small slices that no pack has yet, in the order of their windows. */
function scattered(input: DatasetInput, specs: DatasetSpecs, { smallBytes }: PackLimits): readonly CleanSlice[] {
  const packed = new Set(
    input.manifests
      .filter(({ stage, dataset }) => stage === 'Compact' && dataset === specs.name)
      .flatMap(({ inputs }) => inputs),
  );
  const { isLoaded } = loadedOf(input);
  const today = (raw: Manifest) => cleanStep(input, specs.name, specs.clean, raw).key;
  return cleanSlices(input, specs.clean).filter(({ slice, inputs }) => {
    if (!isClosed(slice, input, specs) || cleanBytes(inputs) > smallBytes || !inputs.every(isLoaded)) return false;
    const cleaned = new Set(cleanOf(inputs).map(({ key }) => key));
    const isByTodaysRules = inputs.every((each) => each.stage !== 'Extract' || cleaned.has(today(each)));
    return isByTodaysRules && !cleanOf(inputs).some((each) => packed.has(manifestDigest(each)));
  });
}

/** Whether a window has ended so long ago that nobody asks for it any more. */
function isClosed(slice: Slice, { run }: DatasetInput, { extract }: DatasetSpecs): boolean {
  const { every = '1d', lookback = 0 } = extract.value.extract.window ?? {};
  return isWindow(slice) && Date.parse(slice.end) + lookback * parseDuration(every) <= Date.parse(run.asOf);
}

/** Neighbours that together are worth a step and not too much for one. */
function groups({ specs }: DatasetInput, slices: readonly CleanSlice[], limits: PackLimits): (readonly CleanSlice[])[] {
  const { clean } = specs.sweep.value.retention;
  const spread = clean === undefined ? Infinity : parseDuration(clean) * limits.shareOfRetention;
  const found: CleanSlice[][] = [];
  let [files, bytes, oldest, newest] = [0, 0, 0, 0];
  for (const each of slices) {
    const last = found.at(-1);
    const at = Date.parse(each.slice.asOf);
    [files, bytes] = [files + filesOf(each.inputs), bytes + cleanBytes(each.inputs)];
    [oldest, newest] = [Math.min(oldest, at), Math.max(newest, at)];
    const isBounded = files <= limits.mostFiles && bytes <= limits.mostBytes && newest - oldest <= spread;
    if (last && last.length < limits.mostSlices && isBounded) {
      last.push(each);
      continue;
    }
    found.push([each]);
    [files, bytes, oldest, newest] = [filesOf(each.inputs), cleanBytes(each.inputs), at, at];
  }
  return found.filter((group) => group.length >= limits.fewestSlices);
}

const cleanOf = (inputs: readonly Manifest[]): Manifest[] => inputs.filter(({ stage }) => stage === 'Clean');

const filesOf = (inputs: readonly Manifest[]): number =>
  cleanOf(inputs).reduce((sum, { partitions }) => sum + partitions.length, 0);

const cleanBytes = (inputs: readonly Manifest[]): number => bytesOf(cleanOf(inputs));

/** What a pack is about: all of its windows. */
function wholeOf(slices: readonly CleanSlice[]): Slice {
  const all = slices.map(({ slice }) => slice);
  const newest = all.reduce((a, b) => (a.asOf > b.asOf ? a : b));
  return { ...newest, ...toIso(hull(all.filter(isWindow).map(fromIso))) };
}
