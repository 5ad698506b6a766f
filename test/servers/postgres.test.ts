import { expect, it } from 'vitest';
import { describeWithPostgres, startPostgres, withClient } from './postgres.ts';

describeWithPostgres('a PostgreSQL server of a test', () => {
  it('keeps what was committed when it is killed, and its users are no superusers', { timeout: 60_000 }, async () => {
    const server = await startPostgres();
    try {
      const url = await server.database('täglich');
      await withClient(url, (client) => client.query('CREATE TABLE kept AS SELECT 1 AS one'));
      await server.kill();
      await expect(withClient(url, async () => undefined)).rejects.toThrow();
      await server.restart();
      const { rows } = await withClient(url, (client) => client.query('SELECT one, current_user AS me FROM kept'));
      expect(rows).toEqual([{ one: 1, me: 'jobpulse' }]);
      await expect(withClient(url, (client) => client.query('CREATE ROLE another'))).rejects.toThrow(
        /permission denied/,
      );
    } finally {
      await server.stop();
    }
  });
});
