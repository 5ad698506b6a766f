import { manifestDigest } from '../lake/lake.ts';
import { fromIso, hull, toIso } from './intervals.ts';
import type { DatasetInput } from './plan.ts';
import { finishedSlices, isWindow } from './slices.ts';
import type { CleanSpec, DatasetSpecs, Resolved } from './specs.ts';
import { cleanStep, inOrder, isOf, step } from './steps.ts';
import type { Manifest, Slice, Step } from './types.ts';

/** A finished look at the source with one clean manifest per part. */
export interface CleanSlice {
  readonly slice: Slice;
  /** Extract and Clean manifests: the load needs to know both the rows and whether the snapshot was whole. */
  readonly inputs: readonly Manifest[];
}

/** At most this many windows in one load; the rest follows in the next. */
const windowsPerLoad = 2000;

/**
 * What is not in the table yet; or, when the table was built by other rules, the whole table anew. One load at a time,
 * because loads of one table are serial: snapshots one by one, oldest first, because each says what has gone since
 * the one before; windows together, because each only adds to what there is.
 */
export function planLoad(input: DatasetInput, specs: DatasetSpecs): readonly Step[] {
  const slices = cleanSlices(input, specs.clean);
  const { last, part, isLoaded } = loadedOf(input);
  const open = slices.filter(({ inputs }) => !inputs.every(isLoaded));
  const newest = slices.at(-1);
  if (newest && last && isBuiltAnew(input, specs, last, open, isLoaded)) {
    // The part names the load it replaces: going back to earlier rules is new work, not the old manifest.
    const inputs = slices.flatMap((slice) => slice.inputs);
    return [step(input, 'Load', input.dataset, specs.rebuild, newest.slice, `rebuild.${last.key}`, inputs)];
  }
  const next = open.slice(0, specs.extract.value.extract.window ? windowsPerLoad : 1);
  if (next.length === 0) return [];
  const inputs = next.flatMap((slice) => slice.inputs);
  return [step(input, 'Load', input.dataset, specs.load, sliceOf(next), part, inputs)];
}

/** What is in a table. */
interface Loaded {
  /** The newest load. */
  readonly last: Manifest | undefined;
  /** The newest loads that gave the same rows, oldest first. */
  readonly same: readonly Manifest[];
  /** Part of the next load: it names what the table was last built anew by. */
  readonly part: string;
  readonly isLoaded: (manifest: Manifest) => boolean;
}

export function loadedOf(input: Pick<DatasetInput, 'manifests' | 'dataset'>): Loaded {
  const loads = inOrder(input.manifests.filter(({ dataset, stage }) => dataset === input.dataset && stage === 'Load'));
  // What was loaded before the table was last built anew is in it only if that build read it too. Otherwise, as when
  // two runs did both at the same time, it is loaded once more: under another key, because the old one is published.
  const rebuilt = loads.findLastIndex(isRebuild);
  const part = partAfter(loads[rebuilt], loads.at(-1));
  const since = loads.filter((load, at) => at >= rebuilt || (rebuilt >= 0 && load.part === part));
  const loaded = new Set(since.flatMap(({ inputs }) => inputs));
  const isLoaded = (manifest: Manifest) => loaded.has(manifestDigest(manifest));
  return { last: loads.at(-1), same: sameRows(loads), part, isLoaded };
}

/** Where the newest rebuild is not in hand (a plan index stands for it), the newest load tells. */
function partAfter(rebuild: Manifest | undefined, last: Manifest | undefined): string {
  if (rebuild) return `after.${rebuild.key}`;
  return last?.part.startsWith('after') ? last.part : '0';
}

const isRebuild = ({ part }: Pick<Manifest, 'part'>): boolean => part.startsWith('rebuild');

function sameRows(loads: readonly Manifest[]): readonly Manifest[] {
  const rows = (load: Manifest | undefined) => load?.partitions[0]?.rowsHash;
  return loads.slice(1 + loads.findLastIndex((load) => rows(load) !== rows(loads.at(-1))));
}

/** Other rules, slices cleaned anew, or a run that is to do published loads again and has not yet. */
function isBuiltAnew(
  { manifests, dataset, pipeline, run }: DatasetInput,
  specs: DatasetSpecs,
  last: Manifest,
  open: readonly CleanSlice[],
  isLoaded: Loaded['isLoaded'],
): boolean {
  const otherRules = !isOf({ pipeline }, last, specs.load);
  const cleanedAnew = open.some(({ inputs }) => inputs.some(isLoaded));
  const again = run.refresh === true && (run.from === 'Clean' || run.from === 'Load');
  const isDone = () =>
    manifests.some(
      (each) => each.run === run.name && each.dataset === dataset && each.stage === 'Load' && isRebuild(each),
    );
  return otherRules || cleanedAnew || (again && !isDone());
}

/** Under today's rules where the raw bytes still are; else as they were cleaned last. */
export function cleanSlices(input: DatasetInput, spec: Resolved<CleanSpec>): readonly CleanSlice[] {
  const lastCleaned = new Map<string, Manifest>();
  for (const manifest of input.manifests) {
    const [raw] = manifest.inputs;
    if (manifest.dataset !== input.dataset || manifest.stage !== 'Clean' || !raw) continue;
    const known = lastCleaned.get(raw);
    if (!known || known.finishedAt < manifest.finishedAt) lastCleaned.set(raw, manifest);
  }
  return finishedSlices(input.manifests, input.dataset).flatMap(({ slice, parts }) => {
    const clean = parts.map(
      (part) =>
        input.published.get(cleanStep(input, input.dataset, spec, part).key) ?? lastCleaned.get(manifestDigest(part)),
    );
    return clean.every((manifest) => manifest !== undefined) ? [{ slice, inputs: [...parts, ...clean] }] : [];
  });
}

/** What a load is about: its snapshot, or the whole of its windows. */
function sliceOf(slices: readonly CleanSlice[]): Slice {
  const all = slices.map(({ slice }) => slice);
  const newest = all.reduce((a, b) => (a.asOf > b.asOf ? a : b));
  const windows = all.filter(isWindow);
  return windows.length === 0 ? newest : { ...newest, ...toIso(hull(windows.map(fromIso))) };
}
