import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ticksOf } from '../../src/controller/ticks.ts';

const at = (text: string) => Date.parse(text);
const text = (instant: number) => new Date(instant).toISOString().replace(/:00\.000Z$/, 'Z');

/** The first ticks after an instant. */
function ticks(schedule: string, zone: string, after: string, count: number): string[] {
  const clock = ticksOf(schedule, zone);
  const found = [clock.next(at(after))];
  while (found.length < count) found.push(clock.next(found.at(-1) ?? 0));
  return found.map(text);
}

describe('an hour that does not exist runs once, at the next valid minute', () => {
  test.each([
    [
      'Chicago, half past two',
      '30 2 * * *',
      'America/Chicago',
      '2026-03-08T00:00Z',
      ['2026-03-08T08:00Z', '2026-03-09T07:30Z'],
    ],
    [
      'Chicago, many in the gap are one',
      '0,15,45 2 * * *',
      'America/Chicago',
      '2026-03-08T00:00Z',
      ['2026-03-08T08:00Z', '2026-03-09T07:00Z'],
    ],
    [
      'Chicago, hourly: the gap falls on three',
      '@hourly',
      'America/Chicago',
      '2026-03-08T06:30Z',
      ['2026-03-08T07:00Z', '2026-03-08T08:00Z', '2026-03-08T09:00Z'],
    ],
    [
      'Madrid, half past two',
      '30 2 * * *',
      'Europe/Madrid',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'Lord Howe, a gap of half an hour',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-02T16:00Z',
      ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
    ],
    [
      'Apia left out a whole day',
      '0 12 * * *',
      'Pacific/Apia',
      '2011-12-29T00:00Z',
      ['2011-12-29T22:00Z', '2011-12-30T10:00Z', '2011-12-30T22:00Z'],
    ],
  ])('%s', (_, schedule, zone, after, expected) => {
    expect(ticks(schedule, zone, after, expected.length)).toEqual(expected);
  });
});

describe('an hour that exists twice runs once, the first time', () => {
  test.each([
    [
      'Chicago, half past one',
      '30 1 * * *',
      'America/Chicago',
      '2026-11-01T00:00Z',
      ['2026-11-01T06:30Z', '2026-11-02T07:30Z'],
    ],
    ['Chicago, hourly', '@hourly', 'America/Chicago', '2026-11-01T05:30Z', ['2026-11-01T06:00Z', '2026-11-01T08:00Z']],
    [
      'Madrid, half past two',
      '30 2 * * *',
      'Europe/Madrid',
      '2026-10-25T00:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'Lord Howe, half an hour twice',
      '45 1 * * *',
      'Australia/Lord_Howe',
      '2026-04-04T00:00Z',
      ['2026-04-04T14:45Z', '2026-04-05T15:15Z'],
    ],
    ['asked in the second pass', '45 1 * * *', 'America/Chicago', '2026-11-01T07:10Z', ['2026-11-02T07:45Z']],
  ])('%s', (_, schedule, zone, after, expected) => {
    expect(ticks(schedule, zone, after, expected.length)).toEqual(expected);
  });

  test('at the very moment at which clocks are put back the next tick is after the hour that comes again', () => {
    const { next, last } = ticksOf('* * * * *', 'Europe/Madrid');
    const moment = at('2026-10-25T01:00Z');
    expect(text(next(moment))).toBe('2026-10-25T02:00Z');
    expect(text(last(moment))).toBe('2026-10-25T00:59Z');
  });

  test('in the second pass the last tick is the last of the first pass', () => {
    expect(text(ticksOf('*/15 * * * *', 'America/Chicago').last(at('2026-11-01T07:20Z')))).toBe('2026-11-01T06:45Z');
  });
});

describe('days', () => {
  test('Bogotá has no summer time', () => {
    expect(ticks('0 6 * * *', 'America/Bogota', '2026-03-07T12:00Z', 3)).toEqual([
      '2026-03-08T11:00Z',
      '2026-03-09T11:00Z',
      '2026-03-10T11:00Z',
    ]);
  });

  test('29 February, also over the eight years around 2100', () => {
    expect(ticks('0 0 29 2 *', 'UTC', '2096-01-01T00:00Z', 2)).toEqual(['2096-02-29T00:00Z', '2104-02-29T00:00Z']);
    expect(text(ticksOf('0 0 29 2 *', 'UTC').last(at('2103-06-01T00:00Z')))).toBe('2096-02-29T00:00Z');
  });

  test('a day of the month or of the week, as cron has it', () => {
    expect(ticks('0 6 13 * FRI', 'UTC', '2026-11-12T00:00Z', 3)).toEqual([
      '2026-11-13T06:00Z',
      '2026-11-20T06:00Z',
      '2026-11-27T06:00Z',
    ]);
  });
});

const zones = ['America/Chicago', 'Europe/Madrid', 'America/Bogota', 'Australia/Lord_Howe', 'UTC'];
const schedules = fc.oneof(
  fc.constantFrom('@hourly', '@daily', '*/7 * * * *', '* * * * *'),
  fc.tuple(fc.nat(59), fc.nat(23)).map(([minute, hour]) => `${minute} ${hour} * * *`),
  fc.tuple(fc.nat(59), fc.nat(3)).map(([minute, hour]) => `${minute % 30},30 ${hour},${hour + 1} * * *`),
);
/** Around the changes of all zones, and anywhere. */
const instants = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(
        '2026-03-08T08:00Z',
        '2026-11-01T07:00Z',
        '2026-03-29T01:00Z',
        '2026-10-25T01:00Z',
        '2026-04-04T15:00Z',
        '2026-10-03T15:30Z',
      ),
      fc.integer({ min: -26 * 3600, max: 26 * 3600 }),
    )
    .map(([change, seconds]) => at(change) + seconds * 1000),
  fc.integer({ min: at('2020-01-01T00:00Z'), max: at('2040-01-01T00:00Z') }),
);

/** What a zone's clock shows in the minutes of a period: found by looking at every minute. */
function shownBetween(zone: string, start: number, end: number): Set<string> {
  const seen = new Set<string>();
  for (let minute = Math.ceil(start / 60_000); minute * 60_000 <= end; minute++) {
    const wall = Temporal.Instant.fromEpochMilliseconds(minute * 60_000)
      .toZonedDateTimeISO(zone)
      .toPlainDateTime();
    seen.add(wall.toString());
  }
  return seen;
}

describe('for any schedule, zone and instant', () => {
  test('the next tick is later, the last is not, and between them there is none', () => {
    fc.assert(
      fc.property(schedules, fc.constantFrom(...zones), instants, (schedule, zone, instant) => {
        const ticks = ticksOf(schedule, zone);
        const [next, last] = [ticks.next(instant), ticks.last(instant)];
        expect(next).toBeGreaterThan(instant);
        expect(last).toBeLessThanOrEqual(instant);
        expect(ticks.next(last)).toBe(next);
        expect(ticks.last(next)).toBe(next);
        expect(ticks.last(next - 1)).toBe(last);
        expect(next % 60_000).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('a daily time ticks once on every day, whatever the clocks do', () => {
    fc.assert(
      fc.property(fc.nat(59), fc.nat(23), fc.constantFrom(...zones), instants, (minute, hour, zone, instant) => {
        const { next } = ticksOf(`${minute} ${hour} * * *`, zone);
        const dates: string[] = [];
        for (let tick = next(instant); dates.length < 5; tick = next(tick)) {
          dates.push(Temporal.Instant.fromEpochMilliseconds(tick).toZonedDateTimeISO(zone).toPlainDate().toString());
        }
        const [first = ''] = dates;
        expect(dates).toEqual(dates.map((_, day) => Temporal.PlainDate.from(first).add({ days: day }).toString()));
      }),
      { numRuns: 300 },
    );
  });

  test('every minute: each time that the wall clock shows, once', () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), instants, (zone, instant) => {
        const { next } = ticksOf('* * * * *', zone);
        const end = instant + 4 * 3600_000;
        let count = 0;
        for (let tick = next(instant); tick <= end; tick = next(tick)) count++;
        // Times that were shown before `instant` already are not ticks any more.
        const before = shownBetween(zone, instant - 4 * 3600_000, instant);
        const shown = shownBetween(zone, instant + 1, end);
        expect(count).toBe(shown.difference(before).size);
      }),
      { numRuns: 60 },
    );
  });
});
