import { expect, test } from 'vitest';
import type { PipelineRun } from '../../src/api/index.ts';
import { keptByHand, runsToDelete } from '../../src/controller/history.ts';
import { type Trigger, triggerLabel } from '../../src/controller/trigger.ts';

const day = 24 * 3600_000;
const now = new Date('2026-11-20T12:00:00Z');
const limits = { successfulRunsHistoryLimit: 3, failedRunsHistoryLimit: 1 };

/** A run of so many days ago; its name says what it is. */
function run(trigger: Trigger, phase: NonNullable<PipelineRun['status']>['phase'], days: number): PipelineRun {
  const at = new Date(now.getTime() - days * day).toISOString();
  const ended = phase === 'Running' || phase === 'Paused' ? {} : { finishTime: at };
  return {
    metadata: { name: `${trigger}-${phase}-${days}`, labels: { [triggerLabel]: trigger } },
    spec: { ttl: '30d' },
    status: { phase, asOf: at, ...ended },
  } as unknown as PipelineRun;
}

test('of the runs of the schedule the newest stay, as many as the limits say; unfinished ones do not count', () => {
  const runs = [
    run('Schedule', 'Running', 0),
    ...[1, 2, 4, 5].map((days) => run('Schedule', 'Succeeded', days)),
    ...[3, 6].map((days) => run('Schedule', 'Failed', days)),
    run('Schedule', 'Cancelled', 7),
    run('Schedule', 'Paused', 8),
  ];
  expect(runsToDelete(runs, limits, now)).toEqual([
    'Schedule-Succeeded-5',
    'Schedule-Failed-6',
    'Schedule-Cancelled-7',
  ]);
  expect(runsToDelete(runs.toReversed(), limits, now)).toHaveLength(3);
});

test('what somebody asked for stays for its ttl, whatever the limits, up to a bound', () => {
  const runs = Array.from({ length: 29 }, (_, days) => run('Manual', 'Failed', days + 1));
  expect(runsToDelete([...runs, run('Backfill', 'Succeeded', 20)], limits, now)).toEqual([]);
  expect(runsToDelete([...runs, run('Redrive', 'Failed', 31)], limits, now)).toEqual(['Redrive-Failed-31']);
  const many = Array.from({ length: keptByHand + 7 }, (_, index) => run('Replay', 'Succeeded', index / 10));
  expect(runsToDelete(many, limits, now)).toHaveLength(7);
});

test('the newest run of the schedule and of `after`, and the newest that succeeded, stay in any case', () => {
  const runs = [
    run('Schedule', 'Failed', 40),
    run('Schedule', 'Succeeded', 50),
    run('After', 'Cancelled', 60),
    run('After', 'Cancelled', 70),
    run('Manual', 'Succeeded', 80),
  ];
  const none = { successfulRunsHistoryLimit: 0, failedRunsHistoryLimit: 0 };
  expect(runsToDelete(runs, none, now)).toEqual(['After-Cancelled-70', 'Manual-Succeeded-80']);
});
