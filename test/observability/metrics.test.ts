import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { metrics as declared, type MetricDeclaration } from '../../src/observability/metricList.ts';
import { createMetrics, writeMetricsFile } from '../../src/observability/metrics.ts';
import { metricsPage } from '../../src/observability/metricsPage.ts';
import { buildReport } from '../../src/run/report.ts';
import { cleaned, extracted, loaded, manifest } from '../run/reportManifests.ts';
import { scrape } from './scrape.ts';

const steps = [
  manifest({
    stage: 'Extract',
    key: 'e',
    ledger: extracted({ fetched: 500 }),
    cost: { requests: 2, bytes: 900, credits: 3 },
  }),
  manifest({
    stage: 'Clean',
    key: 'c',
    ledger: cleaned({ clean: 498, rejected: { 'required:position_uri': 2 } }),
    notices: [{ reason: 'SchemaDrift', message: 'the source has columns that no column takes: berth' }],
  }),
  manifest({ stage: 'Load', key: 'l', ledger: loaded({ added: 490, unchanged: 8, marked: 1 }) }),
];

const report = buildReport({
  run: 'run-1',
  pipeline: 'default/usajobs',
  asOf: '2026-11-20T12:00:00.000Z',
  interval: null,
  status: 'Succeeded',
  seconds: 3,
  datasets: ['postings'],
  models: [],
  manifests: steps,
  failures: [],
  leftOut: [],
});

const end = { trigger: 'Manual', finishedAt: new Date('2026-11-20T12:00:03Z') };

const of = 'namespace="default",pipeline="usajobs"';
const rows = (outcome: string) => `jobpulse_rows_total{${of},dataset="postings",outcome="${outcome}"}`;

describe('metrics from ledgers', () => {
  test('have the names, labels and values of the published ledgers', async () => {
    const metrics = createMetrics();
    for (const step of steps) metrics.recordManifest(step, 'default', 'usajobs');
    const values = await scrape(metrics);
    const counted = Object.fromEntries(
      ['read', 'clean', 'rejected', 'added', 'modified', 'unchanged', 'marked'].map((name) => [
        name,
        values.get(rows(name)),
      ]),
    );
    expect(counted).toEqual({ read: 500, clean: 498, rejected: 2, added: 490, modified: 0, unchanged: 8, marked: 1 });
    const dataset = `${of},dataset="postings"`;
    expect(values.get(`jobpulse_rejected_rows_total{${dataset},reason="required:position_uri"}`)).toBe(2);
    expect(values.get(`jobpulse_requests_total{${dataset},outcome="published"}`)).toBe(2);
    expect(values.get(`jobpulse_credits_spent_total{${dataset}}`)).toBe(3);
    expect(values.get(`jobpulse_bytes_total{${dataset},direction="in"}`)).toBe(900);
    expect(values.get(`jobpulse_notices_total{${dataset},reason="SchemaDrift"}`)).toBe(1);
    expect(values.get(`jobpulse_step_seconds_sum{${dataset},stage="clean"}`)).toBe(1);
  });

  test('count a ledger once, however often it is seen', async () => {
    const metrics = createMetrics();
    for (const step of [...steps, ...steps]) metrics.recordManifest(step, 'default', 'usajobs');
    metrics.recordRun(report, end);
    metrics.recordRun(report, end);
    const values = await scrape(metrics);
    expect(values.get(rows('read'))).toBe(500);
    expect(values.get(`jobpulse_runs_total{${of},result="Succeeded",trigger="Manual"}`)).toBe(1);
  });

  test('agree with the report of the run', async () => {
    const metrics = createMetrics();
    for (const step of steps) metrics.recordManifest(step, 'default', 'usajobs');
    const values = await scrape(metrics);
    const [dataset] = report.datasets;
    expect(dataset?.added).toBe(values.get(rows('added')));
    expect(dataset?.rejected).toBe(values.get(rows('rejected')));
  });

  test('tell when a run last succeeded, and leave that when one fails', async () => {
    const metrics = createMetrics();
    metrics.recordRun(report, end);
    metrics.recordRun(
      { ...report, run: 'run-2', status: 'Failed', conserved: false },
      { ...end, finishedAt: new Date() },
    );
    const values = await scrape(metrics);
    expect(values.get(`jobpulse_last_success_timestamp_seconds{${of}}`)).toBe(Date.UTC(2026, 10, 20, 12, 0, 3) / 1000);
    expect(values.get(`jobpulse_conserved{${of}}`)).toBe(0);
    expect(values.get(`jobpulse_runs_total{${of},result="Failed",trigger="Manual"}`)).toBe(1);
  });

  test('expose only what has data', async () => {
    const names = [...(await scrape(createMetrics())).keys()];
    expect(names).toHaveLength(1);
    expect(names[0]).toMatch(/^jobpulse_build_info\{version="[^"]+",node="v[^"]+"\}$/);
  });
});

describe('the list of metrics', () => {
  test('keeps units in names and ids out of labels', () => {
    for (const { name, type, labels } of declared as readonly MetricDeclaration[]) {
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      expect(labels).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(run|key|id|url|uri)$/)]));
    }
    expect(new Set(declared.map(({ name }) => name)).size).toBe(declared.length);
  });

  test('is what docs/reference/metrics.md says; npm run generate writes it', async () => {
    expect(await readFile('docs/reference/metrics.md', 'utf8')).toBe(metricsPage());
  });
});

/** What users build on: a name is taken back by a decision alone. */
const promised: Readonly<Record<string, readonly string[]>> = {
  ledgers: [
    ...[
      'rows_total',
      'rejected_rows_total',
      'requests_total',
      'credits_spent_total',
      'credits_remaining',
      'bytes_total',
    ],
    ...['step_seconds', 'runs_total', 'run_seconds', 'last_success_timestamp_seconds', 'conserved'],
  ],
  pipelines: [
    'fresh',
    'slices_missing',
    'queue_jobs',
    'queue_oldest_seconds',
    'replicas',
    'scaling_limited',
    'backlog',
  ],
  controller: [
    ...['reconcile_seconds', 'reconcile_total', 'steady_state_writes_total', 'loop_lag_seconds'],
    ...['watch_restarts_total', 'leader', 'build_info'],
  ],
  worker: ['worker_busy', 'worker_steps_total', 'retries_total', 'lease_wait_seconds'],
};

test('metrics that were promised are in the list, and labels are words that have a bound', () => {
  for (const [source, names] of Object.entries(promised)) {
    const own = declared.filter(({ from }) => from === source).map(({ name }) => name);
    expect(own).toEqual(expect.arrayContaining(names as string[]));
  }
  const labels = new Set(declared.flatMap((metric: MetricDeclaration) => metric.labels));
  expect([...labels].filter((label) => /run|step|id|url|path|row$|key|job/.test(label))).toEqual([]);
});

describe('writeMetricsFile', () => {
  test('replaces the file whole and leaves nothing beside it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'metrics-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, 'jobpulse.prom');
    const metrics = createMetrics();
    await writeMetricsFile(metrics, path);
    metrics.recordRun(report, end);
    await writeMetricsFile(metrics, path);
    expect(await readFile(path, 'utf8')).toBe(await metrics.text());
    expect(await readdir(folder)).toEqual(['jobpulse.prom']);
  });

  test('says which file cannot be written', async () => {
    const path = join(tmpdir(), 'no-such-folder', 'jobpulse.prom');
    await expect(writeMetricsFile(createMetrics(), path)).rejects.toThrow(`the metrics file ${path} cannot be written`);
  });
});
