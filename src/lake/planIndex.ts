import { holds, type Interval, type Intervals, union } from '../run/intervals.ts';
import type { Manifest } from '../run/types.ts';
import { type Lake, manifestPath, readListed } from './lake.ts';
import { layout } from './layout.ts';

/**
 * What planning need not read again of a dataset that is asked about windows, or for items: a fold of its manifests, which
 * costs bytes however many windows and runs there are. It may be deleted at any time, and who finds it wrong or old reads everything; the last writer wins.
 */
export interface PlanIndex {
  readonly v: 1;
  /** Digest of the rules under which the periods are settled. */
  readonly rules: string;
  /** Everything it stands for was published before this moment. */
  readonly before: string;
  /** Periods, in milliseconds since 1970. */
  readonly settled: Intervals;
  /** Paths of manifests within these periods that are to be read nevertheless. */
  readonly kept: readonly string[];
}

export async function readIndex(lake: Lake, dataset: string): Promise<PlanIndex | undefined> {
  const bytes = await lake.store.get(layout.index(dataset));
  try {
    const index = bytes && (JSON.parse(bytes.toString('utf8')) as PlanIndex);
    return index?.v === 1 ? index : undefined;
  } catch {
    return undefined; // Written in part by somebody else; everything is read, and it is written anew.
  }
}

/** Who reads between the two steps finds none, and reads everything. */
export async function writeIndex(lake: Lake, dataset: string, index: Omit<PlanIndex, 'v'>): Promise<void> {
  await lake.store.delete(layout.index(dataset));
  await lake.store.putIfAbsent(layout.index(dataset), Buffer.from(JSON.stringify({ v: 1, ...index })));
}

export const dropIndex = (lake: Lake, dataset: string): Promise<void> => lake.store.delete(layout.index(dataset));

/** The manifests of a pipeline, but for those of the settled periods of some datasets. */
export async function listUnsettled(lake: Lake, indexes: ReadonlyMap<string, PlanIndex>): Promise<Manifest[]> {
  const paths = new Set([...indexes.values()].flatMap(({ kept }) => kept));
  for (const dataset of await foldersIn(lake, layout.steps())) {
    const index = indexes.get(dataset);
    if (!index) await addAll(lake, layout.steps(dataset), paths);
    else await addUnsettled(lake, dataset, union(index.settled), paths);
  }
  return readListed(lake, paths, (path) => paths.has(path) || !isSettled(path, indexes));
}

/** Whether a manifest is within the settled periods of its dataset. */
function isSettled(path: string, indexes: ReadonlyMap<string, PlanIndex>): boolean {
  const [, , dataset = '', , slice = ''] = path.split('/');
  const index = indexes.get(dataset);
  const period = periodOf(slice);
  return index !== undefined && period !== undefined && holds(union(index.settled), period);
}

async function addUnsettled(lake: Lake, dataset: string, settled: Intervals, paths: Set<string>): Promise<void> {
  const root = layout.steps(dataset);
  for (const stage of await foldersIn(lake, root)) {
    const slices = await foldersIn(lake, `${root}/${stage}`);
    for (const slice of slices) {
      const period = periodOf(slice);
      if (!period || !holds(settled, period)) await addAll(lake, `${root}/${stage}/${slice}`, paths);
    }
  }
}

async function addAll(lake: Lake, folder: string, paths: Set<string>): Promise<void> {
  for await (const { path } of lake.store.list(folder)) paths.add(path);
}

/** Names of folders; a store that cannot list them is asked for all that is below. */
async function foldersIn({ store }: Lake, folder: string): Promise<readonly string[]> {
  if (store.folders) return store.folders(folder);
  const names = new Set<string>();
  for await (const { path } of store.list(folder)) names.add(path.slice(folder.length + 1).split('/')[0] ?? '');
  return [...names];
}

/** The period in the name of a slice's folder, `20261120T110000000Z-20261120T120000000Z`; of a snapshot, its moment. */
function periodOf(name: string): Interval | undefined {
  const [start, end] = name.split('-').map(instantOf);
  return start === undefined ? undefined : { start, end: end ?? start + 1 };
}

const compact = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z$/;

function instantOf(text: string): number | undefined {
  const [, ...found] = compact.exec(text) ?? [];
  const [year = 0, month = 1, day, hour, minute, second, milli] = found.map(Number);
  return found.length === 0 ? undefined : Date.UTC(year, month - 1, day, hour, minute, second, milli);
}

/** What a plan found settled, to be written down for the next. */
export const indexOf = (
  rules: string,
  before: string,
  { periods, kept }: { readonly periods: Intervals; readonly kept: readonly Manifest[] },
): Omit<PlanIndex, 'v'> => ({ rules, before, settled: periods, kept: [...new Set(kept.map(manifestPath))] });
