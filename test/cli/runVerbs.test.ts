import { expect, test } from 'vitest';
import type { PipelineRunStatus } from '../../src/api/index.ts';
import { backfillName, instantOf } from '../../src/cli/backfill.ts';
import { redriveName, redriveOf } from '../../src/cli/redrive.ts';
import { runOf, usajobs } from '../controller/status/support.ts';

test('a date is its midnight in the time zone of the pipeline, a moment is itself, anything else is refused', () => {
  expect(instantOf('2026-03-01', 'UTC')).toBe('2026-03-01T00:00:00Z');
  expect(instantOf('2026-03-01', 'America/Chicago')).toBe('2026-03-01T06:00:00Z');
  expect(instantOf('2026-03-01T06:00:00+02:00', 'UTC')).toBe('2026-03-01T04:00:00Z');
  for (const wrong of ['yesterday', '2026-02-30', '2026-03-01 06:00', '']) {
    expect(() => instantOf(wrong, 'UTC')).toThrow('is no time; write 2026-03-01 or');
  }
});

test('a period has one name, which is a name that a run can have', () => {
  const march = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T06:30:00Z' };
  expect(backfillName('usajobs', march)).toBe('usajobs-backfill-20260301-20260401t0630');
  expect(backfillName('usajobs', { ...march, end: '2026-04-01T06:30:05Z' })).toBe(
    'usajobs-backfill-20260301-20260401t063005',
  );
  const long = backfillName('p'.repeat(40), march);
  expect(long).toMatch(/^p{40}-backfill-[0-9a-f]{12}$/);
  expect(backfillName('p'.repeat(40), { ...march, end: '2026-05-01T00:00:00Z' })).not.toBe(long);
});

type Failures = NonNullable<PipelineRunStatus['failures']>;
const failure = (dataset: string, stage: Failures[number]['stage']): Failures[number] => ({
  ...{ dataset, stage, key: 'k', reason: 'RuleBroken', message: 'm' },
});
const failed = (...failures: Failures) =>
  runOf('r', 'Failed', '2026-11-20T12:05:00Z', { params: [{ name: 'keyword', value: 'x' }] }, { failures });

test('a redrive: the datasets that failed, from the earliest stage that failed, with the same parameters', () => {
  const params = [{ name: 'keyword', value: 'x' }];
  const pipeline = usajobs();
  expect(redriveOf(pipeline, failed(failure('postings', 'Load'), failure('postings', 'Clean')))).toMatchObject({
    ...{ from: 'Clean', datasets: ['postings'], params },
  });
  expect(redriveOf(pipeline, failed(failure('openings', 'Transform')))).toMatchObject({
    from: 'Transform',
    datasets: [],
  });
  expect(redriveOf(pipeline, failed(failure('', 'Plan')))).toMatchObject({ from: 'Extract', datasets: [] });
  const fine = runOf('fine', 'Succeeded', '2026-11-20T12:05:00Z');
  expect(() => redriveOf(pipeline, fine)).toThrow('nothing failed in fine, which is Succeeded');
});

test('a redrive of a redrive has a name of the first run, and there is one of it until it has ended', () => {
  expect(redriveName('usajobs-1', new Set(['usajobs-1']))).toBe('usajobs-1-redrive');
  expect(redriveName('usajobs-1', new Set(['usajobs-1-redrive']))).toBe('usajobs-1-redrive-2');
  expect(redriveName('usajobs-1-redrive-2', new Set(['usajobs-1-redrive', 'usajobs-1-redrive-2']))).toBe(
    'usajobs-1-redrive-3',
  );
});
