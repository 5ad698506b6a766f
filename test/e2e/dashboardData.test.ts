import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../src/run/report.ts';
import { dashboards, queriesOf } from '../chart/dashboardFiles.ts';
import { startCoresignal } from '../servers/coresignal/double.ts';
import { describeWithPostgres, type PostgresServer, startPostgres, withClient } from '../servers/postgres.ts';
import { startUsajobs } from '../servers/usajobs/double.ts';
import { jobpulse, root, secretsOf } from './harness.ts';

type Row = Readonly<Record<string, unknown>>;

describeWithPostgres('the dashboard of the data, over what real runs brought into PostgreSQL', () => {
  let server: PostgresServer;
  let url: string;
  let dataDir: string;
  let reports: Readonly<Record<'coresignal' | 'usajobs', RunReport>>;
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.database('warehouse');
    dataDir = mkdtempSync(join(tmpdir(), 'jobpulse-e2e-'));
    reports = await runBoth(dataDir, url);
  }, 600_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  });

  const queries = [...dashboards.values()].flatMap((each) => queriesOf(each, 'grafana-postgresql-datasource'));
  const answer = async (title: string): Promise<readonly Row[]> => {
    const { rawSql = '' } = queries.find(({ about }) => about === title)?.target ?? {};
    return withClient(url, async (client) => (await client.query<Row>(filledIn(rawSql, title))).rows);
  };

  test.each(queries.map(({ about, target }) => [about, target.refId, target.rawSql ?? ''] as const))(
    '%s, query %s, has data',
    async (title, _, sql) => {
      const { rows } = await withClient(url, (client) => client.query<Row>(filledIn(sql, title)));
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows.slice(0, 1)) expect(Object.values(row)).not.toContain(null);
    },
  );

  test('figures are those of the run reports', async () => {
    const rows = ({ models }: RunReport, model: string) => models.find(({ name }) => name === model)?.rows;
    expect(await answer('Openings')).toEqual([{ Openings: String(rows(reports.coresignal, 'production_jobs')) }]);
    expect(await answer('Openings that fit')).toEqual([
      { 'Openings that fit': String(rows(reports.usajobs, 'openings')) },
    ]);
    const [postings] = reports.usajobs.datasets;
    for (const title of ['Openings by annual pay', 'Years of experience asked for']) {
      const openings = (await answer(title)).reduce((sum, row) => sum + Number(row.Openings), 0);
      expect(openings, title).toBe(postings?.added);
    }
    const [found] = await answer('Jobs by day');
    expect(found).toMatchObject({ found: String(reports.coresignal.datasets[0]?.added) });
  });
});

/** The examples, on this machine, with a warehouse in a database. */
async function runBoth(dataDir: string, warehouse: string) {
  const [coresignal, usajobs] = await Promise.all([startCoresignal(), startUsajobs()]);
  const run = async (name: string, urls: readonly string[], env: NodeJS.ProcessEnv): Promise<RunReport> => {
    const manifest = join(root, 'examples', name, 'pipeline.yaml');
    const at = urls.flatMap((address, index) => ['--set', `spec.datasets[${index}].extract.rest.baseUrl=${address}`]);
    const there = ['--set', `spec.warehouse.postgres.schema=${name}`];
    const fast = name === 'coresignal' ? ['--set', 'spec.datasets[1].extract.limits.rate.requests=1000'] : [];
    const ended = await jobpulse(['run', manifest, '--data-dir', dataDir, '-o', 'json', ...at, ...there, ...fast], {
      POSTGRES_URL: warehouse,
      ...env,
    });
    if (ended.code !== 0 && ended.code !== 3) throw new Error(`exit ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
    return JSON.parse(ended.stdout) as RunReport;
  };
  try {
    return {
      coresignal: await run('coresignal', [coresignal.url, coresignal.url], { CORESIGNAL_API_KEY: coresignal.key }),
      usajobs: await run('usajobs', [usajobs.url], secretsOf(usajobs)),
    };
  } finally {
    await Promise.all([coresignal.close(), usajobs.close()]);
  }
}

/** What Grafana puts in place of its macros, for a time range that has what a panel is about. */
function filledIn(sql: string, title: string): string {
  const to = title === 'Closing soon' ? '2026-03-15T00:00:00Z' : new Date().toISOString();
  return sql
    .replaceAll(/\$__timeFilter\((\w+)\)/g, `$1 BETWEEN '2026-01-01T00:00:00Z' AND '${to}'`)
    .replaceAll('$__timeTo()', `'${to}'`);
}
