import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../src/run/report.ts';
import { describeWithPostgres, type PostgresServer, startPostgres, withClient } from '../servers/postgres.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { ask, type Ended, jobpulse, onlyDataset, secretsOf, temporaryFolder, usajobsRun } from './harness.ts';

describeWithPostgres('the usajobs example with its tables in PostgreSQL', () => {
  let server: PostgresServer;
  let double: UsajobsDouble;
  beforeAll(async () => {
    [server, double] = await Promise.all([startPostgres(), startUsajobs({ seed: 7, postings: 742 })]);
  }, 120_000);
  afterAll(async () => {
    await double?.close();
    await server?.stop();
  });

  const inPostgres = ['--set', 'spec.warehouse.postgres.schema=usajobs'];
  const run = (dataDir: string, url: string | undefined, ...more: readonly string[]): Promise<Ended> =>
    jobpulse(usajobsRun(double, dataDir, ...more), { ...secretsOf(double), POSTGRES_URL: url });
  async function report(dataDir: string, url: string | undefined, ...more: readonly string[]): Promise<RunReport> {
    const ended = await run(dataDir, url, ...more);
    if (ended.code !== 0 && ended.code !== 3) throw new Error(`exit ${ended.code}\n${ended.stdout}\n${ended.stderr}`);
    return JSON.parse(ended.stdout) as RunReport;
  }
  const hashes = 'SELECT matched_object_id, _row_hash FROM usajobs.postings ORDER BY 1';
  const rowsIn = (url: string) => withClient(url, async (client) => (await client.query(hashes)).rows);

  test('comes to the same counts and hashes as with DuckDB, also of models, and moves without a request', async () => {
    const [here, there] = [temporaryFolder(), temporaryFolder()];
    const [url, moved] = [await server.database('same'), await server.database('moved')];
    const embedded = await report(here, undefined);
    const served = await report(there, url, ...inPostgres);
    const { seconds: _, ...wanted } = onlyDataset(embedded);
    expect(onlyDataset(served)).toMatchObject(wanted);
    expect(served.models.map(({ name, rows, checks }) => ({ name, rows, checks }))).toEqual(
      embedded.models.map(({ name, rows, checks }) => ({ name, rows, checks })),
    );
    expect(await rowsIn(url)).toEqual(await ask(here, hashes));
    const again = onlyDataset(await report(there, url, ...inPostgres));
    expect(again).toMatchObject({ added: 0, modified: 0, unchanged: wanted.added });
    // The laptop's tables go to a server: the lake has all they are made of.
    const asked = double.ledger().requests.length;
    await report(here, moved, ...inPostgres, '--from', 'Load');
    expect(double.ledger().requests).toHaveLength(asked);
    expect(await rowsIn(moved)).toEqual(await rowsIn(url));
  }, 300_000);

  test('without the secret, or with one that does not let us in, says what to do and shows no password', async () => {
    const dataDir = temporaryFolder();
    const without = await run(dataDir, undefined, ...inPostgres);
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('POSTGRES_URL');
    await server.database('locked');
    const wrong = await run(dataDir, server.url('locked', { name: 'jobpulse', password: 'canary' }), ...inPostgres);
    expect(wrong.code).toBe(1);
    expect(wrong.stdout + wrong.stderr).toContain('refuses the user or the password');
    expect(wrong.stdout + wrong.stderr).not.toContain('canary');
  }, 300_000);
});
