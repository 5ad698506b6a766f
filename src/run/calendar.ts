import type { Interval, Intervals } from './intervals.ts';

/**
 * Where the slices of a window dataset begin and end. Slices shorter than a day are counted from local midnight in
 * elapsed time, so that a day of 23 or 25 hours has 23 or 25 slices of an hour; slices of days begin at local midnight,
 * slices of whole weeks on Mondays. Every border is a function of the calendar alone, never of what was asked before.
 */
export interface Calendar {
  /** The last border at an instant or before it. */
  floor(instant: number): number;
  /** The first border at an instant or after it. */
  ceil(instant: number): number;
  /** How many slices a period has that begins and ends at borders; a part of one at its start counts as one. */
  count(period: Interval): number;
}

const dayMs = 86_400_000;
/** Slices of several days are counted from this Monday. */
const monday = Temporal.PlainDate.from('1970-01-05');
/** Days whose length is remembered: a century. */
const rememberedDays = 36_600;

export function calendarOf(everyMs: number, timeZone: string): Calendar {
  return everyMs < dayMs ? withinDays(everyMs, timeZone) : ofDays(Math.round(everyMs / dayMs), timeZone);
}

/** A local day as instants. */
type Days = (instant: number) => Interval;

function withinDays(every: number, timeZone: string): Calendar {
  const dayOf = rememberedDaysIn(timeZone);
  const floor = (instant: number) => {
    const { start } = dayOf(instant);
    return start + Math.floor((instant - start) / every) * every;
  };
  const ceil = (instant: number) => {
    const at = floor(instant);
    return at === instant ? at : Math.min(at + every, dayOf(instant).end);
  };
  return { floor, ceil, count: (period) => countWithin(period, every, dayOf) };
}

function countWithin({ start, end }: Interval, every: number, dayOf: Days): number {
  let slices = 0;
  for (let at = start; at < end; ) {
    const day = dayOf(at);
    const first = Math.floor((at - day.start) / every);
    slices += Math.ceil((Math.min(end, day.end) - day.start) / every) - first;
    at = day.end;
  }
  return slices;
}

function ofDays(days: number, timeZone: string): Calendar {
  const borderOf = (number: number) =>
    monday.add({ days: number * days }).toZonedDateTime({ timeZone, plainTime: '00:00' }).epochMilliseconds;
  const numberOf = (instant: number) =>
    Math.floor(monday.until(zoned(instant, timeZone).toPlainDate(), { largestUnit: 'day' }).days / days);
  const ceilNumber = (instant: number) => {
    const number = numberOf(instant);
    return borderOf(number) === instant ? number : number + 1;
  };
  return {
    floor: (instant) => borderOf(numberOf(instant)),
    ceil: (instant) => borderOf(ceilNumber(instant)),
    count: ({ start, end }) => (start < end ? ceilNumber(end) - numberOf(start) : 0),
  };
}

const zoned = (instant: number, timeZone: string): Temporal.ZonedDateTime =>
  Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone);

/** Days as they were last looked up: one is asked about for each of its slices. */
function rememberedDaysIn(timeZone: string): Days {
  const known = new Map<number, Interval>();
  return (instant) => {
    const near = Math.floor(instant / dayMs);
    const day = [known.get(near), known.get(near - 1)].find(
      (each) => each && each.start <= instant && instant < each.end,
    );
    if (day) return day;
    const start = zoned(instant, timeZone).startOfDay();
    const found = { start: start.epochMilliseconds, end: start.add({ days: 1 }).startOfDay().epochMilliseconds };
    if (known.size >= rememberedDays) known.clear();
    known.set(Math.floor(found.start / dayMs), found);
    return found;
  };
}

/** The local days that hold some instants. */
export const daysOf = (instants: readonly number[], timeZone: string): Interval[] => {
  const dayOf = rememberedDaysIn(timeZone);
  return instants.map(dayOf);
};

/** Widens periods to whole slices. */
export const toBorders = (periods: Intervals, { floor, ceil }: Calendar): Interval[] =>
  periods.map(({ start, end }) => ({ start: floor(start), end: ceil(end) }));
