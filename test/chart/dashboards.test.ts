import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dashboardFiles } from '../../scripts/dashboards/index.ts';
import { type MetricDeclaration, metrics } from '../../src/observability/metricList.ts';
import { dashboards, dashboardsFolder, type Panel, queriesOf, shownPanels } from './dashboardFiles.ts';

test('the files of dashboards are what scripts/dashboards says: run `npm run generate`', () => {
  const files = readdirSync(dashboardsFolder).map((name) => [name, readFileSync(join(dashboardsFolder, name), 'utf8')]);
  expect(Object.fromEntries(files)).toEqual(Object.fromEntries(dashboardFiles()));
});

test('dashboards have names of their own', () => {
  const all = [...dashboards.values()];
  expect(new Set(all.map(({ uid }) => uid)).size).toBe(all.length);
  expect(new Set(all.map(({ title }) => title)).size).toBe(all.length);
});

const overlap = (a: Panel['gridPos'], b: Panel['gridPos']): boolean =>
  a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

describe.each([...dashboards])('%s', (_, dashboard) => {
  const { panels } = dashboard;
  const variables = dashboard.templating.list;

  test('the grid has no overlap, and no line is wider than it', () => {
    for (const [index, panel] of panels.entries()) {
      expect(panel.gridPos.x + panel.gridPos.w, panel.title).toBeLessThanOrEqual(24);
      const over = panels.slice(index + 1).filter((other) => overlap(panel.gridPos, other.gridPos));
      expect(
        over.map(({ title }) => title),
        panel.title,
      ).toEqual([]);
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  test('lines of panels are full', () => {
    const width = Map.groupBy(panels, ({ gridPos }) => gridPos.y);
    for (const [y, line] of width)
      expect(
        line.reduce((sum, { gridPos }) => sum + gridPos.w, 0),
        `y ${y}`,
      ).toBe(24);
  });

  test('every panel says what it shows, in which unit, from a data source that is chosen above', () => {
    const sources = variables.filter(({ type }) => type === 'datasource').map(({ name }) => `\${${name}}`);
    for (const { title, description = '', datasource, targets = [], fieldConfig } of shownPanels(dashboard)) {
      expect(title).not.toBe('');
      expect(description.length, title).toBeGreaterThan(40);
      expect(fieldConfig?.defaults.unit, title).toBeTruthy();
      expect(targets.length, title).toBeGreaterThan(0);
      for (const source of [datasource, ...targets.map((target) => target.datasource)]) {
        expect(sources, title).toContain(source?.uid);
      }
    }
  });

  test('every variable is used, and every used one is there', () => {
    const told =
      JSON.stringify({ ...dashboard, templating: undefined }) + JSON.stringify(variables.map((v) => v.query));
    const used = [...told.matchAll(/\$(\w+)|\$\{(\w+)(?::\w+)?\}/g)].map(([, bare, braced]) => bare ?? braced ?? '');
    const own = new Set(used.filter((name) => !name.startsWith('__') && /[a-z]/.test(name)));
    expect([...own].toSorted()).toEqual(variables.map(({ name }) => name).toSorted());
  });
});

test('metrics and labels of dashboards are in the list of metrics', () => {
  const queries = [...dashboards.values()].flatMap((dashboard) => queriesOf(dashboard, 'prometheus'));
  const named = queries.flatMap(({ target: { expr = '' } }) => [
    ...expr.matchAll(/\bjobpulse_([a-z_]+?)(?:_count|_sum|_bucket)?\b(?:\{([^}]*)\})?/g),
  ]);
  expect(named.length).toBeGreaterThan(40);
  for (const [text, name = '', selector = ''] of named) {
    const metric = metrics.find((each: MetricDeclaration) => each.name === name);
    if (!metric) throw new Error(`${text} is not in metricList.ts`);
    const selected = [...selector.matchAll(/([a-z_]+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    expect(metric.labels, text).toEqual(expect.arrayContaining(selected));
  }
});

test('no query hides that it has no data', () => {
  for (const dashboard of dashboards.values()) {
    for (const { target } of queriesOf(dashboard, 'prometheus')) expect(target.expr).not.toMatch(/vector\(|absent/);
  }
});
