import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { describeWithPostgres, type PostgresServer, startPostgres, withClient } from '../servers/postgres.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, type ControllerProcess, startCluster, until } from './cluster.ts';
import { applyUsajobs, createRun } from './overlay.ts';

const withBoth = (name: string, tests: () => void) =>
  describeWithKubernetes(name, () => describeWithPostgres('and PostgreSQL', tests));

withBoth('usajobs on a Kubernetes API', () => {
  let cluster: Cluster;
  let double: UsajobsDouble;
  let postgres: PostgresServer;
  let url: string;
  let controller: ControllerProcess;
  beforeAll(async () => {
    [cluster, double, postgres] = await Promise.all([startCluster(), startUsajobs(), startPostgres()]);
    url = await postgres.database('jobs');
    await cluster.kubectl(['create', 'secret', 'generic', 'tables', `--from-literal=url=${url}`]);
    controller = await cluster.startController('controller-1', {
      installation: 'warehouse: {postgres: {secret: {name: tables}}}',
    });
    await applyUsajobs(cluster, double);
  }, 180_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(readFileSync(controller.logFile, 'utf8'));
    await cluster?.stop();
    await double?.close();
    await postgres?.stop();
  });

  const ended = async (run: string) => {
    await cluster.kubectl(['wait', '--for=condition=Succeeded', run, '--timeout=170s']);
    return (await cluster.get<PipelineRun>(run)).status?.datasets?.[0];
  };
  const tables = () =>
    withClient(url, async (client) => {
      const { rows } = await client.query('SELECT matched_object_id, _row_hash FROM usajobs.postings ORDER BY 1');
      const openings = await client.query('SELECT count(*)::integer AS n FROM usajobs.openings');
      return { rows, openings: openings.rows[0].n as number };
    });

  test('a run brings its rows and models to the server; its workers need no volume', async () => {
    expect(await ended(await createRun(cluster))).toMatchObject({ read: 742, added: 736, rejected: 6 });
    expect((await tables()).rows).toHaveLength(736);
    expect((await tables()).openings).toBeGreaterThan(0);
    expect(await cluster.kubectl(['get', 'deployment', 'usajobs-warehouse', '-o', 'name'])).toContain(
      'usajobs-warehouse',
    );
    expect(await cluster.kubectl(['get', 'statefulset', '-o', 'name'])).toBe('');
  }, 240_000);

  test('a server that is killed while a run goes on holds it up, is told, and costs nothing', async () => {
    double.changePay(double.found()[0]?.id ?? '', 150_000, 190_000);
    await postgres.kill();
    const run = await createRun(cluster);
    await until(async () => /WarehouseAway/.test(await cluster.kubectl(['get', 'events'])), 120_000);
    const condition = async () => (await cluster.get<PipelineRun>(run)).status?.conditions?.[0];
    await expect.poll(condition, { timeout: 60_000 }).toMatchObject({ status: 'Unknown', reason: 'WarehouseAway' });
    await postgres.restart();
    expect(await ended(run)).toMatchObject({ read: 742, added: 0, modified: 1, unchanged: 735 });
    const pipeline = await cluster.get<Pipeline>('pipeline/usajobs');
    expect(pipeline.status?.conditions).toContainEqual(expect.objectContaining({ type: 'Conserved', status: 'True' }));
  }, 400_000);

  test('the table is what the lake says: built anew from it, nothing is found to mend', async () => {
    const before = await tables();
    const anew = await ended(await createRun(cluster, { from: 'Load', refresh: true }));
    expect(anew).toMatchObject({ added: 0, modified: 0 });
    expect(await tables()).toEqual(before);
  }, 240_000);
});
