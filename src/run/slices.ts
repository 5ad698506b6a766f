import type { Interval } from './intervals.ts';
import type { Manifest, Slice, Window } from './types.ts';

/** A look at a source as far as it is published: its parts in order. */
export interface RawSlice {
  readonly slice: Slice;
  readonly parts: readonly Manifest[];
}

/** Whether a slice is about a period. */
export const isWindow = (slice: Slice): slice is Window => 'start' in slice;

/** The logical time of a slice, as a period. */
export function momentOf({ asOf }: Slice): Interval {
  const start = Date.parse(asOf);
  return { start, end: start + 1 };
}

/**
 * Where a slice stands in the fold that makes a table, as a text that sorts. Windows are in the order of what they are
 * about, and only looks at the same period in the order of when they were taken: so it does not matter in which
 * order history is asked for.
 */
export const positionOf = (slice: Slice): string =>
  isWindow(slice) ? `${slice.end} ${slice.asOf} ${slice.start}` : slice.asOf;

/** Which look a manifest belongs to. */
export const lookOf = (slice: Slice): string => (isWindow(slice) ? `${positionOf(slice)} ${slice.params}` : slice.asOf);

/** Of items that were asked for each part stands alone: what one brought is paid for, whatever becomes of the others. */
const standsAlone = ({ source }: Manifest): boolean => source?.items !== undefined;

const isWhole = (parts: readonly Manifest[]): boolean =>
  parts.every(({ part }, at) => part === String(at)) && !parts.at(-1)?.source?.next;

/** Looks whose last part is published, in the order of their positions. One that broke off is never cleaned or loaded by later runs. */
export function finishedSlices(manifests: readonly Manifest[], dataset: string): readonly RawSlice[] {
  const extracts = manifests.filter((manifest) => manifest.dataset === dataset && manifest.stage === 'Extract');
  return [...Map.groupBy(extracts, ({ slice }) => lookOf(slice)).values()]
    .map((parts) => parts.toSorted((a, b) => Number(a.part) - Number(b.part)))
    .filter((parts) => parts.every(standsAlone) || isWhole(parts))
    .flatMap((parts) => (parts[0] ? [{ position: positionOf(parts[0].slice), slice: parts[0].slice, parts }] : []))
    .toSorted((a, b) => (a.position < b.position ? -1 : 1))
    .map(({ slice, parts }) => ({ slice, parts }));
}
