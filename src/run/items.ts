import { holds } from './intervals.ts';
import type { Json } from './key.ts';
import { digestOf, sha256, stepKey } from './key.ts';
import { cleanSlices } from './loads.ts';
import type { DatasetInput, PlanInput } from './plan.ts';
import { finishedSlices, isWindow, lookOf, momentOf } from './slices.ts';
import type { DatasetSpecs, ExtractSpec } from './specs.ts';
import { templatePaths } from './template.ts';
import type { ExtractLedger, Slice, Step } from './types.ts';
import { currentWindows } from './windows.ts';

/** What one request of a `forEach` is about: the values that templates name, `item.<column>`. */
export type Item = Readonly<Record<string, Json>>;

/** The items of one step, as they are stored in the lake by their digest. */
export interface Chunk {
  readonly items: readonly Item[];
  /** Items that were found and are not asked for, because they are known; told by the first chunk of a run. */
  readonly skippedKnown: number;
  /** Items beyond what one run can do; the next run finds them again. */
  readonly left: number;
}

/** What one step asks for: a chunk, as some run cut it. */
export interface ItemPart {
  readonly slice: Slice;
  readonly part: string;
  /** Digest under which the chunk is stored. */
  readonly chunk: string;
}

/**
 * Which items a run asks for. Decided once for a run, so that all its plans cut the same steps, and numbered: who makes
 * a list has seen all before it, and no two ask for the same.
 */
export interface ItemList {
  readonly v: 2;
  /** When it was made, ISO 8601: the rows of all that was published before are in it, or known. */
  readonly at: string;
  /** See `itemListName`. */
  readonly name: string;
  /** Identity of the extract spec. */
  readonly spec: string;
  readonly parts: readonly (ItemPart & {
    /** Key of the step. */
    readonly key: string;
  })[];
  /** Parts of lists before it that were not done when it was made, and hold what this run would ask for. */
  readonly adopted: readonly ItemPart[];
}

/** Files with rows of the dataset whose rows are the items, and until when what they tell is true. */
export interface ItemSource {
  readonly paths: readonly string[];
  /** End of the window. Whoever was asked for since then is known; of snapshots, whoever was ever asked for. */
  readonly until: string | undefined;
}

/** Items that a published step is done with: the first `done` of its chunk, as of some time. */
export interface KnownItems {
  readonly chunk: string;
  readonly done: number;
  readonly asOf: string;
}

/** The columns that the templates of an extract name; together they are what makes an item another item. */
export function itemColumns({ extract: { rest } }: ExtractSpec): readonly string[] {
  const texts = textsIn([rest?.path ?? '', rest?.query ?? {}, rest?.body ?? null]);
  const paths = texts.flatMap(templatePaths).filter((path) => path.startsWith('item.'));
  return [...new Set(paths.map((path) => path.slice('item.'.length)))].sort();
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** The name of a run's list of items: of two runs that ask the same it is the same. */
export const itemListName = ({ run, slice }: PlanInput, { name, extract }: DatasetSpecs): string =>
  sha256(digestOf({ dataset: name, slice, spec: extract.identity, interval: run.interval ?? null } as unknown as Json));

/**
 * The steps of a run that asks for items: one for each chunk, and those of other runs that it waits for. They have the
 * same keys there, so whoever comes first does them. Nothing before it is known which items there are.
 */
export function planItems(input: DatasetInput, { name, extract }: DatasetSpecs): readonly Step[] {
  const { parts = [], adopted = [] } = input.items?.get(name) ?? {};
  return [...parts, ...adopted]
    .map(({ slice, part, chunk }): Step => {
      const key = itemKey(input, { name, extract }, { slice, part, chunk });
      return {
        key,
        ...{ dataset: name, stage: 'Extract', slice, part },
        spec: extract.digest,
        inputs: [],
        items: chunk,
      };
    })
    .filter(({ key }) => !input.published.has(key));
}

/** Key of the step that asks for the items of a chunk. */
export const itemKey = (
  { pipeline }: Pick<PlanInput, 'pipeline'>,
  { name, extract }: Pick<DatasetSpecs, 'name' | 'extract'>,
  { slice, part, chunk }: ItemPart,
): string =>
  stepKey({
    ...{ pipeline, dataset: name, stage: 'Extract', part, slice: slice as unknown as Json, inputs: [chunk] },
    spec: extract.identity,
  });

/** Parts of lists that are still to be done, by the rules and parameters of this run. */
export function openParts(
  { manifests, slice: { params }, settled }: PlanInput,
  { name, extract }: DatasetSpecs,
  lists: readonly ItemList[],
): readonly ItemPart[] {
  const before = settled?.get(name) ?? [];
  const published = new Set(manifests.map(({ key }) => key));
  return lists
    .filter(({ spec }) => spec === extract.identity)
    .flatMap(({ parts }) => parts)
    .filter(({ key, slice }) => slice.params === params && !published.has(key) && !holds(before, momentOf(slice)))
    .map(({ slice, part, chunk }) => ({ slice, part, chunk }));
}

/** Whether a dataset asks for each row of another one. */
export const asksForItems = ({ extract }: DatasetSpecs): boolean => extract.value.extract.rest?.forEach !== undefined;

/** Whether a run is to ask for items of which nobody has said yet which they are. */
export const lacksItems = ({ run, items }: PlanInput, specs: DatasetSpecs): boolean =>
  run.from === 'Extract' && asksForItems(specs) && !items?.has(specs.name);

/** The rows that are items now: of the windows that are current, or of the newest snapshot. */
export function itemSources(input: DatasetInput, source: DatasetSpecs): readonly ItemSource[] {
  const of = { ...input, dataset: source.name };
  const looks = finishedSlices(input.manifests, source.name);
  const isAboutWindows = source.extract.value.extract.window !== undefined;
  const current = new Set((isAboutWindows ? currentWindows(looks) : looks.slice(-1)).map(({ slice }) => lookOf(slice)));
  return cleanSlices(of, source.clean).flatMap(({ slice, inputs }) => {
    if (!current.has(lookOf(slice)) || !isAsked(input, slice)) return [];
    const clean = inputs.filter(({ stage }) => stage === 'Clean');
    const paths = clean.flatMap(({ partitions }) => partitions.flatMap(({ files }) => files.map(({ path }) => path)));
    return [{ paths, until: isWindow(slice) ? slice.end : undefined }];
  });
}

/** A run about a period asks for what was found in it. */
const isAsked = ({ run: { interval } }: PlanInput, slice: DatasetInput['slice']): boolean =>
  !interval || !isWindow(slice) || (slice.start < interval.end && interval.start < slice.end);

/** What published steps of a dataset are done with, of items that were asked for with the same parameters. */
export function knownItems({ manifests, slice }: PlanInput, { name }: DatasetSpecs): readonly KnownItems[] {
  return manifests.flatMap(({ dataset, stage, source, ledger, slice: { asOf, params } }) => {
    const isOf = dataset === name && stage === 'Extract' && params === slice.params;
    if (!isOf || source?.items === undefined) return [];
    const { fetched, gone } = ledger as ExtractLedger;
    return fetched + gone === 0 ? [] : [{ chunk: source.items, done: fetched + gone, asOf }];
  });
}
