import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holds, type Interval, type Intervals, intersect, inWords, subtract, union } from '../../src/run/intervals.ts';

const interval = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 12 }))
  .map(([start, length]): Interval => ({ start, end: start + length }));
const raw = fc.array(interval, { maxLength: 12 });

/** The set as a list of its whole numbers: so small that it cannot be wrong. */
const points = (set: readonly Interval[]): number[] =>
  Array.from({ length: 60 }, (_, at) => at).filter((at) => set.some(({ start, end }) => start <= at && at < end));

const isTidy = (set: Intervals): boolean =>
  set.every(({ start, end }, at) => start < end && start > (set[at - 1]?.end ?? -1));

describe('sets of intervals', () => {
  test('are united, subtracted and intersected as sets of points are, and stay in order without touching', () => {
    fc.assert(
      fc.property(raw, raw, (left, right) => {
        const [a, b] = [union(left), union(right)];
        const [inA, inB] = [new Set(points(left)), new Set(points(right))];
        expect(new Set(points(a))).toEqual(inA);
        expect(new Set(points(union([...left, ...right])))).toEqual(inA.union(inB));
        expect(new Set(points(subtract(a, b)))).toEqual(inA.difference(inB));
        expect(new Set(points(intersect(a, b)))).toEqual(inA.intersection(inB));
        for (const set of [a, b, union([...left, ...right]), subtract(a, b), intersect(a, b)]) {
          expect(isTidy(set)).toBe(true);
        }
      }),
    );
  });

  test('hold a period when they hold each of its points', () => {
    fc.assert(
      fc.property(raw, interval, (some, period) => {
        const inSet = new Set(points(some));
        expect(holds(union(some), period)).toBe(points([period]).every((point) => inSet.has(point)));
      }),
    );
  });

  test('are told with their newest first to be kept', () => {
    const hour = 3_600_000;
    const set = union([0, 2, 4].map((at) => ({ start: at * hour, end: (at + 1) * hour })));
    expect(inWords(set, 2)).toEqual([
      '1970-01-01T02:00:00Z/1970-01-01T03:00:00Z',
      '1970-01-01T04:00:00Z/1970-01-01T05:00:00Z',
    ]);
  });
});
