import { expect, test } from 'vitest';
import { topLines, topText } from '../../src/cli/topLines.ts';
import { deriveStatus } from '../../src/controller/status/derive.ts';
import { atRest, noon, runOf, withPool } from '../controller/status/support.ts';

const facts = { load: 31, active: 4, busy: 1, min: 0, max: 4, concurrency: 4, targetSeconds: 30, stepSeconds: 20 };
const decision = { replicas: 4, reason: 'FollowsLoad', limits: ['MaxReplicas'], want: 6, facts } as const;
const busy = {
  ...withPool(atRest(), 'warehouse', { replicas: 1, ready: 1, decision }),
  queues: { load: { waiting: 20, active: 3, failed: 0 }, transform: { waiting: 7, active: 1, failed: 2 } },
};
const pipelineOf = (name: string, seen: ReturnType<typeof atRest>) => ({
  ...seen.pipeline,
  metadata: { ...seen.pipeline.metadata, name },
  status: deriveStatus(seen),
});

test('the busiest pool first; queues of one pool are one line', () => {
  const lines = topLines([pipelineOf('quiet', atRest()), pipelineOf('busy', busy)], []);
  expect(lines.map(({ pipeline, pool }) => `${pipeline}/${pool}`)).toEqual([
    ...['busy/warehouse', 'quiet/extract', 'quiet/clean', 'quiet/warehouse', 'busy/extract', 'busy/clean'],
  ]);
  expect(lines[0]).toEqual({
    ...{ pipeline: 'busy', pool: 'warehouse', backlog: 31, active: 4, failed: 2, workers: 1, desired: 4 },
    ...{ stepSeconds: 20, stepsPerMinute: 12, why: ['FollowsLoad', 'MaxReplicas'] },
  });
  const [sums, , first] = topText(lines, 1).split('\n');
  expect(sums).toBe('2 pipelines: 31 steps, 4 of them under way; 1 workers of 4');
  expect(first).toMatch(/^busy +warehouse +31 +4 +2 +1\/4 +20 +12 +FollowsLoad, MaxReplicas$/);
  expect(topText(lines, 1).split('\n')).toHaveLength(3);
});

test('rows per minute are of the newest run that read any; queues that cannot be read have no numbers', () => {
  const startTime = new Date(noon.getTime() - 30_000).toISOString();
  const runs = [
    runOf('before', 'Succeeded', new Date(noon.getTime() - 20_000).toISOString(), {}, { startTime }),
    runOf('newest', 'Succeeded', noon.toISOString(), {}, { startTime, datasets: [] }),
  ].map((run) => ({ ...run, spec: { ...run.spec, pipelineRef: { name: 'usajobs' } } }));
  const { queues: _, ...unread } = atRest();
  const lines = topLines([pipelineOf('usajobs', unread)], runs);
  expect(lines.find(({ pool }) => pool === 'clean')).toMatchObject({ rowsPerMinute: 3000, workers: 0 });
  expect(lines.flatMap(({ backlog }) => backlog ?? [])).toEqual([]);
  expect(topText(lines)).toContain('queues of 3 pools cannot be read');
});
