import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drawScaling } from '../../bench/scalingPicture.ts';
import {
  figuresOf,
  type ScalingRecord,
  textOf,
  thinned,
  throughputOf,
  withFigures,
} from '../../bench/scalingRecord.ts';

const guide = (name: string): string =>
  readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'guide', name), 'utf8');

test('the picture and the figures of the guide are those of its record', () => {
  const record = JSON.parse(guide('scaling.json')) as ScalingRecord;
  expect(drawScaling(record)).toBe(guide('scaling.svg'));
  expect(withFigures(guide('scaling.md'), record)).toBe(guide('scaling.md'));
  expect(textOf(record)).toBe(guide('scaling.json'));
});

test('what is seen holds until the next sample', () => {
  const sample = { backlog: 0, desired: 0, ready: 0, busy: 0, done: 0 };
  const samples = [
    { ...sample, seconds: 0, backlog: 4, desired: 2 },
    { ...sample, seconds: 1, backlog: 4, desired: 2 },
    { ...sample, seconds: 2, backlog: 4, desired: 2, ready: 2, busy: 2 },
    { ...sample, seconds: 6, desired: 1, ready: 2, done: 4 },
    { ...sample, seconds: 8, desired: 0, ready: 1, done: 4 },
    { ...sample, seconds: 9, done: 4 },
  ];
  const record = { steps: 4, concurrency: 1, max: 2, sourceMs: 1, firstStepSeconds: 2, interrupted: 0, samples };
  const figures = {
    ...{ lastStepSeconds: 6, zeroSeconds: 9, mostReady: 2, throughput: 1 },
    // Two workers for six seconds and one for another; the last three seconds without a step.
    ...{ workerSeconds: 13, idleSeconds: 5 },
  };
  expect(figuresOf(record)).toEqual(figures);
  expect(thinned(samples).map(({ seconds }) => seconds)).toEqual([0, 2, 6, 8, 9]);
  expect(figuresOf({ ...record, samples: thinned(samples) })).toEqual(figures);
  expect(throughputOf(samples, 4).map(({ rate }) => rate)).toEqual([0, 1, 0]);
});
