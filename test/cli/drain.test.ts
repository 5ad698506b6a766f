import { expect, test } from 'vitest';
import { drainOf } from '../../src/cli/drain.ts';
import { deriveStatus } from '../../src/controller/status/derive.ts';
import { atRest, runOf } from '../controller/status/support.ts';

const at = '2026-11-20T12:05:00Z';
const pipelineOf = (seen: ReturnType<typeof atRest>) => ({ ...seen.pipeline, status: deriveStatus(seen) });
const paused = (running: number, generation: number) => {
  const run = runOf('r', 'Paused', at, { state: 'Pause' }, { steps: { running }, observedGeneration: 2 });
  return { ...run, metadata: { ...run.metadata, generation } };
};

test('at rest: runs that ended, and paused ones of which nothing is under way', () => {
  expect(drainOf(pipelineOf(atRest()), [runOf('old', 'Succeeded', at), paused(0, 2)])).toEqual({
    ...{ pipeline: 'usajobs', drained: true, resting: ['r'], underWay: [], stages: [] },
  });
});

test('not at rest: what was asked for but not seen yet, steps that are under way, of cancelled runs too, and queues', () => {
  const pipeline = pipelineOf(atRest());
  for (const run of [paused(0, 3), paused(1, 2), runOf('r', 'Running', at)]) {
    expect(drainOf(pipeline, [run])).toMatchObject({ drained: false, resting: [], underWay: [{ run: 'r' }] });
  }
  const cancelled = runOf('c', 'Cancelled', at, {}, { steps: { running: 2, countedAt: at } });
  expect(drainOf(pipeline, [cancelled]).underWay).toEqual([
    { run: 'c', phase: 'Cancelled', running: 2, countedAt: at },
  ]);
  const queues = { extract: { waiting: 0, active: 1, failed: 0 } };
  expect(drainOf(pipelineOf({ ...atRest(), queues }), [])).toMatchObject({
    ...{ drained: false, stages: [{ name: 'extract', active: 1 }] },
  });
});

test('where nobody works, nothing is under way, whatever the files say', () => {
  const pipeline = pipelineOf({ ...atRest(), unattended: true });
  expect(drainOf(pipeline, [runOf('r', 'Running', at)])).toMatchObject({ drained: true, resting: ['r'] });
});
