/** A period, half-open, in milliseconds since 1970. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** A set of instants as sorted intervals that are not empty and do not touch each other. */
export type Intervals = readonly Interval[];

/** All instants that are in any of the intervals, whatever their order and overlaps. */
export function union(intervals: Iterable<Interval>): Intervals {
  const sorted = [...intervals].filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number }[] = [];
  for (const { start, end } of sorted) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}

/** The instants of `from` that are not in `taken`. */
export function subtract(from: Intervals, taken: Intervals): Intervals {
  const rest: Interval[] = [];
  let at = 0;
  for (const { start, end } of from) {
    while ((taken[at]?.end ?? Infinity) <= start) at += 1;
    let open = start;
    for (let next = at; open < end; next += 1) {
      const hole = taken[next];
      if (!hole || hole.start >= end) break;
      if (hole.start > open) rest.push({ start: open, end: hole.start });
      open = Math.max(open, hole.end);
    }
    if (open < end) rest.push({ start: open, end });
  }
  return rest;
}

/** The instants that are in both. */
export const intersect = (a: Intervals, b: Intervals): Intervals => subtract(a, subtract(a, b));

/** Whether every instant of a period is in the set. */
export const holds = (set: Intervals, { start, end }: Interval): boolean =>
  subtract(start < end ? [{ start, end }] : [], set).length === 0;

/** The smallest interval that holds some intervals. */
export const hull = (intervals: readonly Interval[]): Interval => ({
  start: intervals.reduce((least, { start }) => Math.min(least, start), Infinity),
  end: intervals.reduce((most, { end }) => Math.max(most, end), -Infinity),
});

/** An interval as manifests and keys hold it: ISO 8601 in UTC with milliseconds. */
export const toIso = ({ start, end }: Interval): { readonly start: string; readonly end: string } => ({
  start: new Date(start).toISOString(),
  end: new Date(end).toISOString(),
});

export const fromIso = ({ start, end }: { readonly start: string; readonly end: string }): Interval => ({
  start: Date.parse(start),
  end: Date.parse(end),
});

/** Periods as a status shows them, `start/end`; of too many only the newest. */
export const inWords = (set: Intervals, most = 100): string[] =>
  set.slice(-most).map((interval) => {
    const { start, end } = toIso(interval);
    return `${shorter(start)}/${shorter(end)}`;
  });

const shorter = (iso: string): string => iso.replace('.000Z', 'Z');
