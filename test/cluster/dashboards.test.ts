import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AlertDeclaration, alerts } from '../../src/observability/alerts.ts';
import { metrics } from '../../src/observability/metricList.ts';
import { dashboards, queriesOf, type Target } from '../chart/dashboardFiles.ts';
import type { AlertCase } from '../observability/alertCases.ts';
import { triedRules } from '../observability/ruleTests.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { findPrometheus, howToGetPrometheus, type Series } from '../servers/prometheus.ts';
import { until } from './cluster.ts';
import { type MonitoredCluster, meetTroubles, startMonitoredCluster } from './monitored.ts';

const describeWithAll = (name: string, tests: () => void) =>
  describeWithKubernetes(name, () =>
    describe.skipIf(!findPrometheus('prometheus'))(`and a Prometheus (${howToGetPrometheus})`, tests),
  );

/** What fires after the troubles: the alert, what it is about, and its summary. */
const firing: Readonly<Record<string, AlertCase['fires'][number]>> = {
  JobpulseRunFailed: { labels: { pipeline: 'usajobs' }, summary: 'A run of default/usajobs failed' },
  JobpulseRejectRate: {
    labels: { pipeline: 'vacancies', dataset: 'offers' },
    summary: '45.71% of the rows of default/vacancies, dataset offers, went to quarantine',
  },
  JobpulseBudgetSpent: {
    labels: { pipeline: 'coresignal', dataset: 'jobdetails' },
    summary: '60 items of default/coresignal, dataset jobdetails, wait for credits',
  },
  JobpulseSchemaDrift: {
    labels: { pipeline: 'vacancies', dataset: 'offers' },
    summary: 'The source of default/vacancies, dataset offers, has other columns than the manifest declares',
  },
  JobpulseSnapshotShrank: {
    labels: { pipeline: 'usajobs', dataset: 'postings' },
    summary: 'Far fewer rows of default/usajobs, dataset postings, came than are loaded',
  },
};

describeWithAll('dashboards and alerts over a cluster that met troubles', () => {
  let world: MonitoredCluster;
  beforeAll(async () => {
    world = await startMonitoredCluster();
    await meetTroubles(world);
  }, 600_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(readFileSync(world.controller.logFile, 'utf8'));
    await world?.stop();
  });

  /** The pipelines between them have what a dashboard of one can show. */
  const pipelines = ['usajobs', 'coresignal', 'vacancies'];
  const ask = async ({ expr = '', instant }: Pick<Target, 'expr' | 'instant'>): Promise<number> => {
    const series = await Promise.all(
      pipelines.map((pipeline) => {
        const query = filledIn(expr, { namespace: 'default', pipeline, dataset: '.*' });
        return instant ? world.prometheus.query(query) : world.prometheus.queryRange(query);
      }),
    );
    return series.flat().flatMap(({ values }) => values.filter(([, value]) => Number.isFinite(Number(value)))).length;
  };

  describe.each([...dashboards])('%s', (_, dashboard) => {
    for (const { about, target } of queriesOf(dashboard, 'prometheus')) {
      test(`${about}, query ${target.refId}, has data`, async () => {
        expect(await ask(target), target.expr).toBeGreaterThan(0);
      }, 30_000);
    }
  });

  test('every metric that is promised was scraped', async () => {
    const answer = await fetch(`${world.prometheus.url}/api/v1/label/__name__/values`);
    const { data } = (await answer.json()) as { data: string[] };
    const names = metrics.map(({ name, type }) => `jobpulse_${name}${type === 'histogram' ? '_bucket' : ''}`);
    expect(names.filter((name) => !data.includes(name))).toEqual([]);
  });

  test('the alerts that fire are those of what went wrong', async () => {
    const seen = await world.prometheus.queryRange('ALERTS{alertstate="firing"}');
    const told = seen.map(({ metric: { alertname = '', pipeline, dataset } }) => [alertname, pipeline, dataset]);
    const expected = Object.entries(firing).map(([name, { labels }]) => [name, labels.pipeline, labels.dataset]);
    expect(told.toSorted()).toEqual(expected.toSorted());
  });

  test('promtool, given what was scraped, says the same; two hours later only what is still so', async () => {
    const names = metrics
      .map(({ name }) => `jobpulse_${name}`)
      .filter((name) => alerts.some(({ expr }) => expr.includes(name)));
    const scraped = await world.prometheus.queryRange(`{__name__=~"(${names.join('|')})(_count)?"}`);
    const { series, minutes } = seriesOf(scraped);
    const still: readonly string[] = ['JobpulseBudgetSpent'];
    const fires = ({ name }: AlertDeclaration) => {
      const fired = firing[name];
      return fired ? [{ ...fired, labels: { namespace: 'default', ...fired.labels } }] : [];
    };
    const says = alerts.flatMap((alert) => [
      { alert, after: `${minutes}m`, fires: fires(alert) },
      { alert, after: `${minutes + 115}m`, fires: still.includes(alert.name) ? fires(alert) : [] },
    ]);
    expect(triedRules([{ name: 'a real run', interval: '1s', series, says }])).toBe('');
  }, 60_000);

  test('nothing is left of a Pipeline that is deleted', async () => {
    const scrape = async () => (await fetch(`${world.controller.url}/metrics`)).text();
    expect(await scrape()).toContain('pipeline="vacancies"');
    await world.cluster.kubectl(['delete', 'jpl', 'vacancies']);
    await until(async () => !(await scrape()).includes('pipeline="vacancies"'));
  }, 90_000);
});

/** What Grafana puts in place of variables. Prometheus scrapes each second here. */
const filledIn = (expr: string, variables: Readonly<Record<string, string>>): string =>
  Object.entries({ __rate_interval: '20s', __interval: '10s', __range: '20m', ...variables }).reduce(
    (text, [name, value]) => text.replaceAll(`$${name}`, value),
    expr,
  );

/** Series of a real run, a sample each second, in promtool's notation; what they were at the end they are for two hours. */
function seriesOf(scraped: readonly Series[]): { readonly series: AlertCase['series']; readonly minutes: number } {
  const times = scraped.flatMap(({ values }) => values.map(([time]) => Math.round(time)));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const series = scraped.map(({ metric: { __name__: name, instance: _, job: __, pod: ___, ...labels }, values }) => {
    const known = new Map(values.map(([time, value]) => [Math.round(time), value]));
    const samples = Array.from({ length: last - first + 1 }, (_, second) => known.get(first + second) ?? '_');
    const selector = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return [`${name}{${selector.join()}}`, [...samples, `${known.get(last) ?? '_'}x7200`].join(' ')] as const;
  });
  return { series: Object.fromEntries(series), minutes: Math.ceil((last - first + 1) / 60) };
}
