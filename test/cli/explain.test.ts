import { expect, test } from 'vitest';
import { explain } from '../../src/cli/explain.ts';
import { deriveStatus } from '../../src/controller/status/derive.ts';
import { atRest, runOf, withPool } from '../controller/status/support.ts';

const command = (words: string) => `jobpulse ${words}`;
const said = (seen: ReturnType<typeof atRest>, pool?: string): string =>
  explain({ pipeline: { ...seen.pipeline, status: deriveStatus(seen) }, runs: seen.runs, command }, pool)
    .flatMap(({ lines }) => lines)
    .join('\n');

test('a pool: its number, the formula with the numbers of that decision, and each limit', () => {
  const facts = { load: 31, active: 4, busy: 1, min: 0, max: 4, concurrency: 4, targetSeconds: 30, stepSeconds: 20 };
  const busy = withPool(atRest(), 'extract', {
    ...{ replicas: 1, ready: 1 },
    decision: { replicas: 4, reason: 'FollowsLoad', limits: ['MaxReplicas'], want: 6, facts },
  });
  const queues = { extract: { waiting: 27, active: 4, failed: 2 } };
  expect(said({ ...busy, queues }, 'extract').split('\n')).toEqual([
    'extract: 4 workers wanted, 1 there; extract: 27 waiting, 4 under way, 2 failed',
    '  FollowsLoad: There are as many workers as finish what waits in the target time.',
    '  31 steps, 4 under way on 1 worker; a step takes 20 s; a worker does 4 at a time; all is to be done in 30 s',
    '  want = ceil((31 − 4) · 20 / (4 · 30) + 4 / 4) = 6; between 0 and 4',
    '  MaxReplicas: No more workers than the greatest number.',
  ]);
});

test('a pipeline at rest: every pool, nothing wrong, and its newest run', () => {
  const text = said(atRest());
  expect(text).toContain('warehouse: 0 workers wanted, 0 there; load: 0 waiting, 0 under way, 0 failed; transform:');
  expect(text).toContain('want = 0 without load; between 0 and 4');
  expect(text).toContain('usajobs: everything is as it should be');
  expect(text).toContain('usajobs/postings: read 500, rejected 2, added 498, modified 0');
});

test('a run that goes on is told with how far it is, and nothing is said twice', () => {
  const going = runOf('flood', 'Running', '', {}, { steps: { total: 2003, done: 104 } });
  const seen = { ...atRest(), runs: [going] };
  expect(said(seen)).toContain('a run that goes on: flood, Running: 104 done of the 2003 steps planned so far');
  const lines = said(seen).split('\n');
  expect(lines.filter((line) => line.includes('nothing to add up yet'))).toHaveLength(1);
});

test('what is not as it should be: since when, why, what to do; and how to do again what failed', () => {
  const failures = [
    { dataset: 'postings', stage: 'Clean', key: 'k', reason: 'ColumnMissing', message: 'no column' },
  ] as const;
  const run = runOf('bad', 'Failed', '2026-11-20T12:05:00Z', {}, { steps: { failed: 1 }, failures: [...failures] });
  const text = said({ ...atRest(), runs: [run] });
  expect(text).toContain('Ready is False since 2026-11-20T12:10:00.000Z: RunFailed');
  expect(text).toContain('usajobs/postings: clean: ColumnMissing: no column');
  expect(text).toContain('do again what failed with: jobpulse redrive bad');
  expect(explain({ pipeline: { metadata: { name: 'new' } }, runs: [], command }).flatMap(({ lines }) => lines)).toEqual(
    ['new: no controller has looked at it yet'],
  );
});
