import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgresWarehouse } from '../../../src/connectors/warehouses/postgres.ts';
import { type Authority, createAuthority } from '../../servers/kubernetes/pki.ts';
import { describeWithPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { openings } from './world.ts';

describeWithPostgres('a PostgreSQL server that speaks TLS only', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'jobpulse-tls-'));
  let authority: Authority;
  let server: PostgresServer;
  let url: string;
  beforeAll(async () => {
    authority = await createAuthority();
    server = await startPostgres({ tls: await authority.server() });
    url = await server.database('jobs');
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(scratch, { recursive: true });
  });

  const build = (at: string, ca?: string) =>
    openPostgresWarehouse({ server: () => ({ url: at, ca }), scratch, memory: '300MB' }).buildModel(
      { model: { ...openings, sql: 'SELECT 1 AS one' }, schema: 'usajobs', tables: [] },
      new AbortController().signal,
    );

  test('is known by the certificate of its authority, whatever its URL says of TLS', async () => {
    const { certificate } = authority;
    for (const query of ['', '?sslmode=disable', '?sslmode=verify-full&sslrootcert=/nowhere/ca.crt']) {
      expect(await build(`${url}${query}`, certificate)).toMatchObject({ ledger: { rows: 1 } });
    }
  });

  test.each([
    ['that another authority vouches for', async () => build(url, (await createAuthority()).certificate)],
    ['that no public authority vouches for', () => build(`${url}?sslmode=verify-full`)],
    ['whose certificate is of another name', () => build(url.replace('127.0.0.1', '127.1'), authority.certificate)],
    ['for which the certificate cannot be read', () => build(url, 'canary')],
  ])('%s is not trusted, and the message says what to do', async (_what, built) => {
    const failed = built();
    await expect(failed).rejects.toMatchObject({
      reason: 'WarehouseDenied',
      message: expect.stringMatching(/cannot be trusted.*warehouse\.postgres\.caFrom/),
    });
    await expect(failed).rejects.not.toThrow(/canary|made-up/);
  });

  test('is not spoken to without TLS', async () => {
    await expect(build(url)).rejects.toMatchObject({ reason: 'WarehouseDenied' });
  });
});
