import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  type Condition,
  type Pipeline,
  type PipelineRun,
  type PipelineStatus,
  parsePipeline,
} from '../../src/api/index.ts';
import { newRun } from '../../src/controller/standalone/submit.ts';
import { recordEndedRun, triggerOf } from '../../src/observability/endedRuns.ts';
import { eventsOfPipeline, eventsOfRun, eventsOfWork } from '../../src/observability/eventsOf.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { scrape } from './scrape.ts';

const asOf = '2026-11-20T12:00:00.000Z';
const spec = { from: 'Extract' as const, params: [], datasets: [] };
const run = (status: PipelineRun['status'], name = 'usajobs-1'): PipelineRun => {
  const fresh = newRun('usajobs', { run: name, spec }, asOf);
  return { ...fresh, metadata: { name }, status: { ...fresh.status, ...status } };
};

const pipeline = async (status: PipelineStatus): Promise<Pipeline> => {
  const parsed = parsePipeline(await readFile('examples/usajobs/pipeline.yaml', 'utf8'), 'pipeline.yaml');
  if (!parsed.ok) throw new Error('the example is not valid');
  return { ...parsed.pipeline, status };
};

const condition = (
  type: string,
  status: Condition['status'],
  reason: string,
  message = '',
  generation = 1,
): Condition => ({
  ...{ type, status, reason, message, observedGeneration: generation, lastTransitionTime: asOf },
});

test('a run tells of its beginning and its end, and of nothing in between', () => {
  const running = run({ phase: 'Running', wave: 0 });
  expect(eventsOfRun(run({}), running)).toEqual([
    {
      reason: 'RunStarted',
      type: 'Normal',
      action: 'StartRun',
      note: `usajobs-1: started by hand (Manual), as of ${asOf}`,
    },
  ]);
  expect(eventsOfRun(running, run({ phase: 'Running', wave: 1 }))).toEqual([]);
  expect(eventsOfRun(run({ phase: 'Paused' }), running)).toEqual([]);
  const dataset = { name: 'postings', covered: [], unavailable: [], read: 742, rejected: 6, added: 736, modified: 0 };
  const ended = run({ phase: 'Succeeded', datasets: [dataset] });
  expect(eventsOfRun(running, ended)).toEqual([
    {
      ...{ reason: 'RunSucceeded', type: 'Normal', action: 'EndRun' },
      note: 'usajobs-1: postings: read 742, rejected 6, added 736',
    },
  ]);
  expect(eventsOfRun(ended, ended)).toEqual([]);
});

test('a failed run names the first failed step and its reason', () => {
  const failure = { dataset: 'postings', stage: 'Extract', key: 'k', reason: 'Unauthorized', message: '401' } as const;
  const [failed] = eventsOfRun(run({ phase: 'Running' }), run({ phase: 'Failed', failures: [failure, failure] }));
  expect(failed).toMatchObject({ reason: 'RunFailed', type: 'Warning' });
  expect(failed?.note).toBe('usajobs-1: Extract of postings: Unauthorized: 401 (and 1 more)');
  const conditions = [condition('Succeeded', 'False', 'PipelineMissing', 'there is no Pipeline usajobs')];
  const [early] = eventsOfRun(undefined, run({ phase: 'Failed', conditions }));
  expect(early?.note).toBe('usajobs-1: there is no Pipeline usajobs');
  const long = { ...failure, message: 'x'.repeat(2000) };
  expect(eventsOfRun(undefined, run({ phase: 'Failed', failures: [long] }))[0]?.note).toHaveLength(1024);
});

test('a cancelled run says how far it came', () => {
  const [cancelled] = eventsOfRun(undefined, run({ phase: 'Cancelled', steps: { total: 9, done: 4 } }));
  expect(cancelled).toMatchObject({ reason: 'RunCancelled', type: 'Normal' });
  expect(cancelled?.note).toBe('usajobs-1: 4 of 9 steps published, the rest is left');
});

test('a run with the name of its tick was started by the schedule', () => {
  const scheduled = run({ phase: 'Running' }, `usajobs-${Date.parse(asOf) / 60_000}`);
  expect(triggerOf(scheduled)).toBe('Schedule');
  const backfill = { ...scheduled, metadata: { name: 'usajobs-1', labels: { 'jobpulse.dev/trigger': 'Backfill' } } };
  expect(triggerOf(backfill)).toBe('Backfill');
  expect(eventsOfRun(undefined, scheduled)[0]?.note).toContain(`started by the tick of ${asOf}`);
});

test('a manifest is accepted or refused once for each generation', async () => {
  const accepted = await pipeline({ conditions: [condition('Valid', 'True', 'SpecAccepted')] });
  const refused = await pipeline({ conditions: [condition('Valid', 'False', 'SpecRefused', 'spec.x: no', 2)] });
  const still = await pipeline({ conditions: [condition('Valid', 'False', 'SpecRefused', 'spec.y: no', 3)] });
  expect(eventsOfPipeline(undefined, accepted).map(({ reason }) => reason)).toEqual(['SpecAccepted']);
  expect(eventsOfPipeline(accepted, accepted)).toEqual([]);
  expect(eventsOfPipeline(accepted, refused)).toEqual([
    { reason: 'SpecRefused', type: 'Warning', action: 'Validate', note: 'SpecRefused: spec.x: no' },
  ]);
  expect(eventsOfPipeline(refused, still).map(({ note }) => note)).toEqual(['SpecRefused: spec.y: no']);
  expect(eventsOfPipeline(still, accepted).map(({ reason }) => reason)).toEqual(['SpecAccepted']);
});

test('a pool of another size is told once, with from, to and why', async () => {
  const stages = (extract: number, warehouse: number): PipelineStatus => ({
    stages: [
      { name: 'extract', desired: extract, scaling: { reason: 'FollowsLoad', limits: [] } },
      ...['load', 'transform'].map((name) => ({
        ...{ name, desired: warehouse, scaling: { reason: 'NoLoad', limits: ['MinReplicas', 'StepSize'] } },
      })),
    ],
  });
  const none = await pipeline({});
  const some = await pipeline(stages(3, 0));
  const more = await pipeline(stages(3, 1));
  expect(eventsOfPipeline(none, some)).toEqual([
    { reason: 'Scaled', type: 'Normal', action: 'Scale', note: 'workers of extract: from 0 to 3, FollowsLoad' },
  ]);
  expect(eventsOfPipeline(some, more).map(({ note }) => note)).toEqual([
    'workers of warehouse: from 0 to 1, NoLoad, limited by MinReplicas, StepSize',
  ]);
  expect(eventsOfPipeline(more, more)).toEqual([]);
});

test('workers that fail are told, those that start are not', async () => {
  const workers = (reason: string) =>
    pipeline({ conditions: [condition('WorkersReady', 'False', reason, `${reason} it is`)] });
  const [starting, missing, conflict] = await Promise.all(
    ['WorkersStarting', 'WorkersMissing', 'NameConflict'].map(workers),
  );
  if (!starting || !missing || !conflict) throw new Error('three of them');
  expect(eventsOfPipeline(undefined, starting)).toEqual([]);
  expect(eventsOfPipeline(starting, missing)).toEqual([
    { reason: 'WorkersFailing', type: 'Warning', action: 'KeepWorkers', note: 'WorkersMissing it is' },
  ]);
  expect(eventsOfPipeline(missing, missing)).toEqual([]);
  expect(eventsOfPipeline(missing, conflict).map(({ reason }) => reason)).toEqual(['NameConflict']);
});

test('a run that has ended is counted from its resource, once', async () => {
  const metrics = createMetrics();
  const ended = run({ phase: 'Failed', startTime: asOf, finishTime: '2026-11-20T12:00:07.500Z' });
  recordEndedRun(metrics, 'jobs', run({ phase: 'Running' }));
  recordEndedRun(metrics, 'jobs', ended);
  recordEndedRun(metrics, 'jobs', ended);
  const values = await scrape(metrics);
  const of = 'namespace="jobs",pipeline="usajobs"';
  expect(values.get(`jobpulse_runs_total{${of},result="Failed",trigger="Manual"}`)).toBe(1);
  expect(values.get(`jobpulse_run_seconds_sum{${of}}`)).toBe(7.5);
  expect(values.get(`jobpulse_conserved{${of}}`)).toBe(1);
});

test('a lake or a warehouse that is away is told in the same words for all steps of a run; other retries are not', () => {
  const told = {
    type: 'retrying',
    run: 'jobs-1',
    dataset: 'postings',
    message: 'getting a/b in s3://lake: ECONNREFUSED',
  };
  const away = (stage: 'Extract' | 'Clean') =>
    eventsOfWork({ ...told, type: 'retrying', stage, reason: 'StoreUnreachable' });
  expect(away('Extract')).toEqual(away('Clean'));
  expect(away('Extract')).toMatchObject([
    { reason: 'LakeAway', type: 'Warning', note: 'jobs-1: the server of the lake does not answer; steps wait for it' },
  ]);
  expect(eventsOfWork({ ...told, type: 'retrying', stage: 'Load', reason: 'WarehouseUnavailable' })).toMatchObject([
    { reason: 'WarehouseAway', note: 'jobs-1: the server of the warehouse does not answer; steps wait for it' },
  ]);
  expect(eventsOfWork({ ...told, type: 'retrying', stage: 'Extract' })).toEqual([]);
});
