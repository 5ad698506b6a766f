import type { Extract } from '../api/index.ts';
import { parseDuration } from '../api/parseUnits.ts';
import { type Calendar, calendarOf, toBorders } from './calendar.ts';
import { fromIso, holds, type Interval, type Intervals, intersect, subtract, toIso, union } from './intervals.ts';
import { isWindow, lookOf, type RawSlice } from './slices.ts';
import type { Manifest, Slice, Window } from './types.ts';

/** What planning a window dataset depends on. */
export interface WindowInput {
  readonly window: NonNullable<Extract['window']>;
  readonly timeZone: string;
  /** The run's own slice: its logical time and its parameters. */
  readonly slice: Slice;
  /** Only slices within this period; absent = all. */
  readonly interval?: { readonly start: string; readonly end: string };
  /** Ask again for what was asked for by runs before this one. */
  readonly refresh: boolean;
  /** Looks at the source whose last part is published. */
  readonly finished: readonly RawSlice[];
  /** Published extract manifests of the dataset. */
  readonly extracts: readonly Manifest[];
  /** Periods known to be published and closed, beside those in `finished`. */
  readonly settled: Intervals;
}

/** What a run asks a source that can be asked about periods. */
export interface WindowPlan {
  /** Windows this run has begun and not finished, and then the new ones, newest first. */
  readonly asked: readonly Window[];
  /** All that is missing or still open, `asked` among it. */
  readonly due: Intervals;
  /** Of `due`, how many slices are left because of `maxSlicesPerRun`: to the next run, or to the next wave of one about a period. */
  readonly left: number;
  /** What is published, whether open or closed. */
  readonly covered: Intervals;
  /** Of the period that the run is about, what lies before `window.start`. */
  readonly unavailable: Intervals;
}

/**
 * Which windows a run asks for. What is still to be asked is interval algebra over the windows that are published:
 * nothing is remembered for each slice.
 */
export function planWindows(input: WindowInput): WindowPlan {
  const { window, slice } = input;
  const calendar = calendarOf(parseDuration(window.every), input.timeZone);
  const wanted = wantedOf(input, calendar);
  const finished = input.finished.filter((look) => look.slice.params === slice.params);
  const due = intersect(union(toBorders(subtract(wanted, done(input, finished)), calendar)), wanted);
  const own = ownWindows(input);
  const fresh = subtract(due, union(own.map(fromIso)));
  const ended = new Set(finished.map((look) => lookOf(look.slice)));
  const underWay = own.filter((begun) => !ended.has(lookOf(begun)));
  const covered = coverageOf(finished, input.settled);
  // Somebody has said how far back a run about a period goes: it ends when all of that is done, not after the first slices.
  const used = input.interval ? underWay.length : own.length;
  const spans = firstSpans(fresh, calendar, input, covered, window.maxSlicesPerRun - used);
  return {
    asked: [...underWay, ...spans.map((span) => ({ ...toIso(span), asOf: slice.asOf, params: slice.params }))],
    due,
    left: subtract(fresh, union(spans)).reduce((sum, period) => sum + calendar.count(period), 0),
    covered,
    unavailable: unavailableOf(input),
  };
}

/** Everything since the start that has ended, in whole slices; of a run about a period, the slices inside it. */
function wantedOf({ window, slice, interval }: WindowInput, calendar: Calendar): Intervals {
  const all = { start: Date.parse(window.start), end: calendar.floor(Date.parse(slice.asOf)) };
  if (!interval) return union([all]);
  const { start, end } = fromIso(interval);
  return intersect(
    union([all]),
    union([{ start: start <= all.start ? all.start : calendar.ceil(start), end: calendar.floor(end) }]),
  );
}

/**
 * What this run need not ask for: windows that it or a later run has looked at, and those that are closed. A look
 * closes what had ended long enough before it was taken.
 */
function done(input: WindowInput, finished: readonly RawSlice[]): Intervals {
  const { slice, refresh, settled } = input;
  const asOf = Date.parse(slice.asOf);
  const patience = patienceOf(input);
  const looks = finished.flatMap((look) => {
    if (!isWindow(look.slice)) return [];
    const { start, end } = fromIso(look.slice);
    const takenAt = Date.parse(look.slice.asOf);
    if (takenAt >= asOf) return [{ start, end }];
    return refresh ? [] : [{ start, end: Math.min(end, takenAt - patience) }];
  });
  return union([...looks, ...(refresh ? [] : settled)]);
}

/** The windows that this run has begun to ask for: they are gone on with as they were cut. */
function ownWindows({ extracts, slice }: WindowInput): Window[] {
  const own = new Map<string, Window>();
  for (const { slice: each } of extracts) {
    if (isWindow(each) && each.asOf === slice.asOf && each.params === slice.params) own.set(lookOf(each), each);
  }
  return [...own.values()];
}

/**
 * The newest spans. What was never asked for goes first, then what is asked for a last time: else a lookback longer than
 * `maxSlicesPerRun` would keep history out, or windows open, for ever.
 */
function firstSpans(due: Intervals, calendar: Calendar, input: WindowInput, covered: Intervals, most: number) {
  const closedBefore = Date.parse(input.slice.asOf) - patienceOf(input);
  const ranked: Interval[][] = [[], [], []];
  for (const span of spansOf(due, calendar, input)) {
    const rank = !holds(covered, span) ? 0 : calendar.ceil(span.start + 1) <= closedBefore ? 1 : 2;
    if ((ranked[rank]?.length ?? most) < most) ranked[rank]?.push(span);
    if ((ranked[0]?.length ?? 0) >= most) break;
  }
  return ranked.flat().slice(0, Math.max(0, most));
}

const patienceOf = ({ window }: WindowInput): number => window.lookback * parseDuration(window.every);

/** Periods to ask for at once, newest first: single slices, or neighbouring ones together up to `maxSpan`. */
function* spansOf(due: Intervals, calendar: Calendar, { window }: WindowInput): Generator<Interval> {
  const longest = window.maxSpan === undefined ? 0 : parseDuration(window.maxSpan);
  for (const { start, end } of due.toReversed()) {
    for (let to = end; to > start; ) {
      const from = Math.max(start, Math.min(calendar.floor(to - 1), calendar.ceil(to - longest)));
      yield { start: from, end: to };
      to = from;
    }
  }
}

const coverageOf = (finished: readonly RawSlice[], settled: Intervals): Intervals =>
  union([...finished.flatMap(({ slice }) => (isWindow(slice) ? [fromIso(slice)] : [])), ...settled]);

function unavailableOf({ window, interval }: WindowInput): Intervals {
  if (!interval) return [];
  return subtract(union([fromIso(interval)]), [{ start: Date.parse(window.start), end: Infinity }]);
}

/**
 * Of looks at windows those that are current: per period the greatest (asOf, run). One that later looks cover as a
 * whole is not.
 */
export function currentWindows(looks: readonly RawSlice[]): readonly RawSlice[] {
  const rank = ({ slice, parts }: RawSlice) => `${slice.asOf} ${parts[0]?.run ?? ''}`;
  let later: Intervals = [];
  const current: RawSlice[] = [];
  for (const look of looks.toSorted((a, b) => (rank(a) > rank(b) ? -1 : 1))) {
    if (!isWindow(look.slice)) continue;
    const period = union([fromIso(look.slice)]);
    if (subtract(period, later).length === 0) continue;
    current.push(look);
    later = union([...later, ...period]);
  }
  return current;
}
