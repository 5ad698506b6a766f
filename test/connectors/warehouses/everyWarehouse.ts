import { afterAll, beforeAll, describe } from 'vitest';
import { describeWithPostgres, type PostgresServer, startPostgres } from '../../servers/postgres.ts';
import { PostgresWorld } from './postgresWorld.ts';
import { World } from './world.ts';

/** The same tests for every kind of warehouse: what holds for one holds for all. */
export function onEveryWarehouse(tests: (open: () => Promise<World>) => void): void {
  describe('DuckDB', () => tests(async () => new World()));
  onPostgres('PostgreSQL', (open) => tests(() => open()));
}

/** Tests with a PostgreSQL server, and an empty database of it whenever one is asked for. */
export function onPostgres(
  name: string,
  tests: (open: () => Promise<PostgresWorld>, server: () => PostgresServer) => void,
): void {
  describeWithPostgres(name, () => {
    let server: PostgresServer;
    let count = 0;
    beforeAll(async () => {
      server = await startPostgres();
    }, 120_000);
    afterAll(() => server.stop());
    tests(
      async () => new PostgresWorld(await server.database(`world ${count++}`)),
      () => server,
    );
  });
}
