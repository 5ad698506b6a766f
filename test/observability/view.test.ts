import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { PipelineStatus } from '../../src/api/pipelineStatus.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { exposeView, type MetricsView, type PipelineView, statusView } from '../../src/observability/view.ts';
import { cleaned, manifest } from '../run/reportManifests.ts';
import { scrape } from './scrape.ts';

const condition = (type: string, status: 'True' | 'False' | 'Unknown', reason = 'AllGood') => ({
  ...{ type, status, reason, message: '' },
  lastTransitionTime: '2026-11-20T12:00:00Z',
});

const status: PipelineStatus = {
  lastRun: { name: 'a-2', phase: 'Failed', finishedAt: '2026-11-21T12:00:00Z' },
  lastSuccessTime: '2026-11-20T12:00:00Z',
  conditions: [condition('Fresh', 'False', 'Stale'), condition('Conserved', 'True'), condition('Ready', 'Unknown')],
  stages: [
    { name: 'extract', waiting: 7, active: 2, failed: 1, replicas: 1, desired: 3 },
    { name: 'load', waiting: 1, active: 0 },
    {
      ...{ name: 'transform', waiting: 4, active: 1, replicas: 1, desired: 1 },
      scaling: { reason: 'FollowsLoad', limits: ['MaxReplicas', 'StepSize'] },
    },
  ],
  datasets: [{ name: 'postings', covered: [], slicesMissing: 4, deferred: 0 }],
};

const seriesOf = (values: Map<string, number>, prefix: string) =>
  Object.fromEntries([...values].filter(([name]) => name.startsWith(`jobpulse_${prefix}`)));

const expose = (pipelines: () => readonly PipelineView[]) => {
  const metrics = createMetrics();
  exposeView(metrics, statusView(pipelines));
  return metrics;
};

test('queues, pools and freshness are read from the status of pipelines', async () => {
  const values = await scrape(expose(() => [{ namespace: 'jobs', name: 'a', status }]));
  const of = 'namespace="jobs",pipeline="a"';
  expect(seriesOf(values, 'backlog')).toEqual({
    [`jobpulse_backlog{${of},pool="extract"}`]: 9,
    [`jobpulse_backlog{${of},pool="warehouse"}`]: 6,
  });
  expect(seriesOf(values, 'replicas')).toEqual({
    [`jobpulse_replicas{${of},pool="extract",kind="desired"}`]: 3,
    [`jobpulse_replicas{${of},pool="extract",kind="ready"}`]: 1,
    [`jobpulse_replicas{${of},pool="warehouse",kind="desired"}`]: 1,
    [`jobpulse_replicas{${of},pool="warehouse",kind="ready"}`]: 1,
  });
  expect(seriesOf(values, 'scaling_limited')).toEqual({
    [`jobpulse_scaling_limited{${of},pool="warehouse",by="MaxReplicas"}`]: 1,
    [`jobpulse_scaling_limited{${of},pool="warehouse",by="StepSize"}`]: 1,
  });
  expect(values.get(`jobpulse_queue_jobs{${of},stage="extract",state="failed"}`)).toBe(1);
  const ofDataset = `${of},dataset="postings"`;
  expect(seriesOf(values, 'slices_missing')).toEqual({ [`jobpulse_slices_missing{${ofDataset}}`]: 4 });
  expect(seriesOf(values, 'deferred_items')).toEqual({ [`jobpulse_deferred_items{${ofDataset}}`]: 0 });
  expect(seriesOf(values, 'fresh')).toEqual({ [`jobpulse_fresh{${of}}`]: 0 });
  expect(seriesOf(values, 'conserved')).toEqual({ [`jobpulse_conserved{${of}}`]: 1 });
  expect(seriesOf(values, 'ready')).toEqual({}); // not known
  expect(values.get(`jobpulse_last_success_timestamp_seconds{${of}}`)).toBe(Date.UTC(2026, 10, 20, 12) / 1000);
});

test('a pipeline without a freshness objective has no freshness', async () => {
  const objective = { conditions: [condition('Fresh', 'True', 'NoObjective')] };
  const values = await scrape(expose(() => [{ namespace: 'jobs', name: 'a', status: objective }]));
  expect(seriesOf(values, 'fresh')).toEqual({});
});

test('nothing is left of a pipeline that is gone: neither gauges nor what was counted', async () => {
  let pipelines: PipelineView[] = [
    { namespace: 'jobs', name: 'a', status },
    { namespace: 'jobs', name: 'b', status },
  ];
  const metrics = expose(() => pipelines);
  for (const name of ['a', 'b'])
    metrics.recordManifest(manifest({ stage: 'Clean', key: name, ledger: cleaned({ clean: 5 }) }), 'jobs', name);
  expect([...(await scrape(metrics)).keys()].filter((name) => name.includes('pipeline="b"')).length).toBeGreaterThan(
    30,
  );
  pipelines = pipelines.slice(0, 1);
  const left = [...(await scrape(metrics)).keys()];
  expect(left.filter((name) => name.includes('pipeline="b"'))).toEqual([]);
  expect(left.filter((name) => name.startsWith('jobpulse_step_seconds_count'))).toHaveLength(1);
});

test('a limit that no longer holds is no longer told', async () => {
  let limits = ['MaxReplicas'];
  const pools = () => [{ namespace: 'jobs', pipeline: '', pool: 'clean' as const, desired: 2, recommended: 5, limits }];
  const metrics = createMetrics();
  const view: MetricsView = { pipelines: () => [], queues: () => [], pools };
  exposeView(metrics, view);
  expect(Object.keys(seriesOf(await scrape(metrics), 'scaling_limited'))).toHaveLength(1);
  limits = [];
  const values = await scrape(metrics);
  expect(seriesOf(values, 'scaling_limited')).toEqual({});
  expect(values.get('jobpulse_replicas{namespace="jobs",pipeline="",pool="clean",kind="recommended"}')).toBe(5);
});

test('queues that cannot be read are left out, and the rest is told', async () => {
  let away = false;
  const metrics = createMetrics();
  exposeView(metrics, {
    ...statusView(() => [{ namespace: 'jobs', name: 'a', status }]),
    *queues() {
      yield { namespace: 'jobs', pipeline: 'a', stage: 'clean', jobs: { waiting: 3 }, oldestSeconds: 8 };
      if (away) throw new Error('Redis is away');
    },
  });
  const there = await scrape(metrics);
  expect(there.get('jobpulse_queue_oldest_seconds{namespace="jobs",pipeline="a",stage="clean"}')).toBe(8);
  away = true;
  const values = await scrape(metrics);
  expect(seriesOf(values, 'queue_')).toEqual({});
  expect(seriesOf(values, 'backlog')).toEqual({});
  expect(Object.keys(seriesOf(values, 'replicas'))).toHaveLength(4);
});

test('counters of a pipeline begin at zero before its first run, so that the first failure is a rise', async () => {
  const metrics = expose(() => [{ namespace: 'jobs', name: 'a', status }]);
  const failed = 'jobpulse_runs_total{namespace="jobs",pipeline="a",result="Failed",trigger="Schedule"}';
  expect((await scrape(metrics)).get(failed)).toBe(0);
  const run = { run: 'a-1', pipeline: 'jobs/a', seconds: 2, conserved: true, status: 'Failed' as const };
  metrics.recordRun(run, { trigger: 'Schedule', finishedAt: new Date() });
  expect((await scrape(metrics)).get(failed)).toBe(1);
});

test('a scrape of many pipelines lets others get on meanwhile, and tells of all of them', async () => {
  const names = Array.from({ length: 1000 }, (_, index) => `pipeline-${index}`);
  const metrics = expose(() => names.map((name) => ({ namespace: 'jobs', name, status })));
  const finishedAt = new Date();
  for (const name of names) {
    const run = { run: `${name}-1`, pipeline: `jobs/${name}`, seconds: 2, conserved: true, status: 'Failed' as const };
    metrics.recordRun(run, { trigger: 'Manual', finishedAt });
  }
  let turns = 0;
  let ended = false;
  const others = async () => {
    for (; !ended; turns += 1) await setImmediate();
  };
  const waiting = others();
  const values = await scrape(metrics);
  ended = true;
  await waiting;
  expect(turns).toBeGreaterThan(3);
  const buckets = seriesOf(values, 'run_seconds_bucket');
  expect(Object.keys(buckets).filter((series) => series.includes('le="+Inf"'))).toHaveLength(1000);
  expect(Object.keys(seriesOf(values, 'last_success_timestamp_seconds'))).toHaveLength(1000);
});
