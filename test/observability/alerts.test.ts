import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { alertRules, runbooks } from '../../src/observability/alertRules.ts';
import { type AlertDeclaration, alerts } from '../../src/observability/alerts.ts';
import { type MetricDeclaration, metrics } from '../../src/observability/metricList.ts';
import { findPrometheus, howToGetPrometheus } from '../servers/prometheus.ts';
import { type AlertCase, alertCases } from './alertCases.ts';

const file = 'charts/jobpulse/files/alerts.yaml';
const promtool = findPrometheus('promtool');

test(`${file} is what src/observability/alerts.ts says; npm run generate writes it`, () => {
  expect(readFileSync(file, 'utf8')).toBe(alertRules());
});

/** What Prometheus adds to every series it scrapes. */
const ofTarget = ['namespace'];

describe('metrics and labels of alerts are in the list of metrics:', () => {
  test.each(alerts)('$name', ({ expr, summary, description }) => {
    const named = [...expr.matchAll(/\bjobpulse_([a-z_]+?)(?:_count|_sum|_bucket)?\b(?:\{([^}]*)\})?/g)];
    expect(named.length).toBeGreaterThan(0);
    const used = named.map(([text, name = '', selector = '']) => {
      const metric = metrics.find((each: MetricDeclaration) => each.name === name);
      if (!metric) throw new Error(`${text} is not in metricList.ts`);
      const selected = [...selector.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
      expect(metric.labels).toEqual(expect.arrayContaining(selected));
      return metric;
    });
    const grouped = [...expr.matchAll(/\b(?:by|ignoring|on|without) \(([^)]*)\)/g)];
    const told = [...`${summary} ${description}`.matchAll(/\$labels\.([a-z_]+)/g)];
    const labels = [...grouped, ...told].flatMap(([, list = '']) => list.split(', '));
    for (const { name, labels: known } of used) {
      expect([...known, ...ofTarget], name).toEqual(expect.arrayContaining(labels));
    }
  });
});

test('each alert has a section in the runbooks, and each section an alert', () => {
  const page = readFileSync('docs/guide/runbooks.md', 'utf8');
  const sections = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  expect(sections).toEqual(alerts.map(({ name }) => name));
});

test('each alert is tried in a situation where it fires and in one where it does not', () => {
  expect(Object.keys(alertCases)).toEqual(alerts.map(({ name }) => name));
  for (const [name, cases] of Object.entries(alertCases)) {
    expect(new Set(cases.map(({ fires }) => fires.length > 0)), name).toEqual(new Set([true, false]));
  }
});

describe.skipIf(!promtool)(`promtool (${howToGetPrometheus})`, () => {
  const run = (...args: string[]) => spawnSync(promtool ?? '', args, { encoding: 'utf8' });

  test('accepts the rules', () => {
    const { status, stdout, stderr } = run('check', 'rules', file);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toContain(`${alerts.length} rules found`);
  });

  test.each(alerts)('$name fires when it should and only then', (alert) => {
    const folder = mkdtempSync(join(tmpdir(), 'alerts-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'test.yaml');
    writeFileSync(path, stringify(testFile(alert, alertCases[alert.name] ?? [])));
    const { status, stdout, stderr } = run('test', 'rules', path);
    expect(status, stdout + stderr).toBe(0);
  });
});

/** A file of promtool's rule tests. */
const testFile = (alert: AlertDeclaration, cases: readonly AlertCase[]) => ({
  rule_files: [resolve(file)],
  evaluation_interval: '1m',
  tests: cases.map(({ about, series, after, fires }) => ({
    name: about,
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      {
        eval_time: after,
        alertname: alert.name,
        exp_alerts: fires.map(({ labels, summary }) => ({
          exp_labels: { severity: alert.severity, ...labels },
          exp_annotations: {
            ...{ summary, description: alert.description },
            runbook_url: `${runbooks}#${alert.name.toLowerCase()}`,
          },
        })),
      },
    ],
  })),
});
