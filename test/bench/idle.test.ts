import { expect, test } from 'vitest';
import { idleOf } from '../../bench/idle.ts';

test('idle is what no step covers, before, between and after them, in whatever order they come', () => {
  const whole = { start: 100, end: 200 };
  const steps = [
    { start: 150, end: 160 },
    { start: 110, end: 140 },
    { start: 120, end: 130 }, // within another one
    { start: 155, end: 180 },
  ];
  expect(idleOf(steps, whole)).toEqual({ before: 10, between: 10, after: 20 });
  expect(idleOf([whole], whole)).toEqual({ before: 0, between: 0, after: 0 });
  expect(idleOf([], whole)).toEqual({ before: 100, between: 0, after: 0 });
});
