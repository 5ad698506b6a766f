import { expect, test } from 'vitest';
import { figuresOf } from '../../bench/collectFigures.ts';

const paid = { credits: { spent: 4 }, paid: { 3: 1, 4: 2, 1: 1 }, searches: 2, busiestSecond: 6, throttled: 1 };

test('what is known and paid for again, paid twice, and lost is told apart', () => {
  // 1 and 2 were known, 3 to 5 were not: 1 was paid for again, 4 twice, 5 never.
  const outcome = { known: [1, 2], wanted: [1, 2, 3, 4, 5], found: [1, 2, 3, 4] };
  const figures = { over: 1, twice: 1, again: 1, lost: 1, searches: 2, breaches: 1, busiestSecond: 6 };
  expect(figuresOf(paid, outcome)).toEqual(figures);
});

test('records that the source does not have are no result', () => {
  expect(() => figuresOf(paid, { known: [1, 2], wanted: [1, 2, 3], found: [1, 2, 3, 9] })).toThrow('not there');
});
