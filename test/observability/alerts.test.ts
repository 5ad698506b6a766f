import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { alertRules } from '../../src/observability/alertRules.ts';
import { alerts } from '../../src/observability/alerts.ts';
import { type MetricDeclaration, metrics } from '../../src/observability/metricList.ts';
import { findPrometheus, howToGetPrometheus } from '../servers/prometheus.ts';
import { alertCases } from './alertCases.ts';
import { promtool, rulesFile, triedRules } from './ruleTests.ts';

test(`${rulesFile} is what src/observability/alerts.ts says; npm run generate writes it`, () => {
  expect(readFileSync(rulesFile, 'utf8')).toBe(alertRules());
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

describe.skipIf(!findPrometheus('promtool'))(`promtool (${howToGetPrometheus})`, () => {
  test('accepts the rules', () => {
    const { status, stdout, stderr } = promtool('check', 'rules', rulesFile);
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toContain(`${alerts.length} rules found`);
  });

  test.each(alerts)('$name fires when it should and only then', (alert) => {
    const tests = (alertCases[alert.name] ?? []).map(({ about, series, ...said }) => ({
      ...{ name: about, interval: '1m', series },
      says: [{ alert, ...said }],
    }));
    expect(triedRules(tests)).toBe('');
  });
});
