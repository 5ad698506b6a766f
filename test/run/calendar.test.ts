import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendarOf } from '../../src/run/calendar.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const at = (iso: string): number => Date.parse(iso);

/** The lengths of the slices of a period, in hours. */
function lengths(every: number, zone: string, start: string, end: string): number[] {
  const calendar = calendarOf(every, zone);
  const found: number[] = [];
  for (let from = at(start); from < at(end); ) {
    const to = calendar.ceil(from + 1);
    found.push((to - from) / hour);
    from = to;
  }
  expect(found.length).toBe(calendar.count({ start: at(start), end: at(end) }));
  return found;
}

describe('borders of slices', () => {
  test('lie at local midnight, also on days of 23 and 25 hours', () => {
    expect(lengths(day, 'America/New_York', '2026-03-07T05:00:00Z', '2026-03-10T04:00:00Z')).toEqual([24, 23, 24]);
    expect(lengths(day, 'America/New_York', '2026-10-31T04:00:00Z', '2026-11-03T05:00:00Z')).toEqual([24, 25, 24]);
  });

  test('cut a day of 23 or 25 hours into as many hours, and never cross midnight', () => {
    expect(lengths(hour, 'Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z')).toEqual(Array(23).fill(1));
    expect(lengths(hour, 'Europe/Berlin', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z')).toEqual(Array(25).fill(1));
    expect(lengths(6 * hour, 'Europe/Berlin', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z')).toEqual([6, 6, 6, 5]);
    expect(lengths(hour, 'Australia/Lord_Howe', '2026-10-03T13:30:00Z', '2026-10-04T13:00:00Z').at(-1)).toBe(0.5);
  });

  test('of weeks are Mondays; a day that begins at one o’clock begins there', () => {
    const week = calendarOf(7 * day, 'UTC');
    expect(new Date(week.floor(at('2026-11-21T12:00:00Z'))).toISOString()).toBe('2026-11-16T00:00:00.000Z');
    // In Beirut clocks went forward at midnight of 26 March 2023 … in Cairo on 26 April 2024.
    const cairo = calendarOf(day, 'Africa/Cairo');
    expect(new Date(cairo.ceil(at('2024-04-25T12:00:00Z'))).toISOString()).toBe('2024-04-25T22:00:00.000Z');
    expect(lengths(day, 'Africa/Cairo', '2024-04-25T22:00:00Z', '2024-04-26T21:00:00Z')).toEqual([23]);
  });

  test('are the same from wherever they are looked for, and count up', () => {
    const zones = fc.constantFrom('UTC', 'America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe', 'Asia/Kathmandu');
    const lengthsOfSlices = fc.constantFrom(15 * minute, hour, 6 * hour, 7 * hour, day, 3 * day, 7 * day);
    const instants = fc.integer({ min: at('2015-01-01T00:00:00Z'), max: at('2030-01-01T00:00:00Z') });
    fc.assert(
      fc.property(zones, lengthsOfSlices, instants, instants, (zone, every, instant, other) => {
        const calendar = calendarOf(every, zone);
        calendar.floor(other); // what was looked up before must not matter
        const [from, to] = [calendar.floor(instant), calendar.ceil(instant)];
        expect(from <= instant && instant <= to).toBe(true);
        expect(calendar.floor(from)).toBe(from);
        expect(calendar.ceil(from)).toBe(from);
        expect(calendar.ceil(to)).toBe(to);
        if (from < to) {
          expect(calendar.ceil(from + 1)).toBe(to);
          expect(calendar.floor(to - 1)).toBe(from);
          expect(calendar.count({ start: from, end: to })).toBe(1);
        }
      }),
    );
  });
});
