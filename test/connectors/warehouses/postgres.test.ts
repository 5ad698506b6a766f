import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPostgresWarehouse } from '../../../src/connectors/warehouses/postgres.ts';
import { type PostgresServer, withClient } from '../../servers/postgres.ts';
import { onPostgres } from './everyWarehouse.ts';
import type { PostgresWorld } from './postgresWorld.ts';
import { openings, postings, table, World } from './world.ts';

onPostgres('a PostgreSQL server as a warehouse', (open, server) => {
  let world: PostgresWorld;
  beforeEach(async () => {
    world = await open();
  });
  afterEach(() => world.remove());
  const ignoring = table({ onMissing: 'Ignore' });
  const sql = <Row>(text: string) =>
    withClient(world.url, async (client) => (await client.query(text)).rows as readonly Row[]);

  describe('values at the edges of their types', () => {
    const edges = `SELECT * FROM (VALUES
      ('empty', '', 0::DOUBLE, 0::BIGINT, 0::HUGEINT, 0::DECIMAL(38,10), DATE '2026-01-01', TIMESTAMP '2026-01-01', [''], 'null'::JSON, ''::BLOB, {'a': 1, 'b': ['x']}),
      ('nothing', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
      ('least', chr(1) || chr(10) || chr(13) || '\\.\\N"'',', '-Infinity'::DOUBLE, -9223372036854775808, -170141183460469231731687303715884105728, -9999999999999999999999999999.9999999999,
        '0044-03-15 (BC)'::DATE, '0044-03-15 (BC) 10:00:00.000001'::TIMESTAMP, ['a,b', '"', '\\', NULL, 'NULL', '{}', chr(10)], '{"b":1.50,"a":"\\u0000","b":2}'::JSON, '\\x00\\xFF'::BLOB, {'a': NULL, 'b': []}),
      ('most', 'ÅÄÖ 職務 🛠 ' || repeat('x', 3000000), 1.7976931348623157e308, 9223372036854775807, 170141183460469231731687303715884105727, 9999999999999999999999999999.9999999999,
        '12345-12-31'::DATE, '9999-12-31 23:59:59.999999'::TIMESTAMP, [], '[]'::JSON, NULL, NULL),
      ('odd', 'NULL', 'NaN'::DOUBLE, 1, 1, 0.0000000001, 'infinity'::DATE, '-infinity'::TIMESTAMP, [NULL], '""'::JSON, NULL, NULL)
      ) t(id, s, d, i, h, n, day, moment, list, doc, bytes, part)`;

    it('come back as they were: a model over a model has the rows that it has in DuckDB', async () => {
      const here = new World();
      const built = { name: 'edges', materialize: 'Table', sql: edges } as const;
      const next = { name: 'next', materialize: 'Table', sql: 'SELECT *, part.b AS inner_list FROM edges' } as const;
      for (const each of [here, world]) await each.build(built, []);
      const [embedded, served] = [await here.build(next, ['edges']), await world.build(next, ['edges'])];
      await here.remove();
      expect(served.schema).toEqual(embedded.schema);
      expect(served.rowsHash).toBe(embedded.rowsHash);
      // What is equal is not written again.
      const rows = 'SELECT ctid::text, xmin::text FROM usajobs.edges ORDER BY 1';
      const before = await sql(rows);
      await world.build(built, []);
      expect(await sql(rows)).toEqual(before);
    });

    it('that PostgreSQL cannot hold are replaced where that is harmless, and refused without showing them elsewhere', async () => {
      await world.build({ materialize: 'Table', sql: `SELECT 'a' || chr(0) || 'b' AS s` }, []);
      expect(await sql('SELECT s FROM usajobs.openings')).toEqual([{ s: 'a\ufffdb' }]);
      const early = world.build({ materialize: 'Table', sql: `SELECT '9000-01-01 (BC)'::DATE AS s` }, []);
      await expect(early).rejects.toMatchObject({
        reason: 'ModelFailed',
        message: expect.not.stringContaining('9000'),
      });
      for (const name of ['ctid', 'a'.repeat(64)]) {
        const refused = world.build({ materialize: 'Table', sql: `SELECT 1 AS "${name}"` }, []);
        await expect(refused).rejects.toMatchObject({ name: 'TerminalError', reason: 'WarehouseUnsuitable' });
      }
      expect(await sql('SELECT s FROM usajobs.openings')).toEqual([{ s: 'a\ufffdb' }]);
    });
  });

  it('takes a million rows, and of the next load writes only what changed', { timeout: 600_000 }, async () => {
    const first = await world.load([await world.manyRows(1, 0, 1_000_000)], { spec: ignoring });
    expect(first).toMatchObject({ ledger: { added: 1_000_000 }, rows: 1_000_000 });
    const second = await world.load([await world.manyRows(2, 999_990, 1_000_005)], { spec: ignoring });
    expect(second).toMatchObject({ ledger: { added: 5, unchanged: 10 }, rows: 1_000_005 });
  });

  describe('what is yours', () => {
    it('stays where the columns of a table stay: rights, indexes and views', async () => {
      await world.give({ day: 1, rows: [{ id: 1, title: 'a' }] });
      await world.build({ materialize: 'Table' });
      await world.change('CREATE INDEX mine ON usajobs.postings (title)');
      await world.change('CREATE VIEW public.mine AS SELECT title FROM usajobs.openings');
      await world.change('GRANT SELECT ON usajobs.openings TO PUBLIC');
      const slices = [await world.slice({ day: 2, rows: [{ id: 2, title: 'b' }] })];
      await world.load(slices, { rebuild: true });
      await world.build({ materialize: 'Table' });
      expect(await sql('SELECT title FROM public.mine')).toEqual([{ title: 'b' }]);
      expect(await sql(`SELECT 1 FROM pg_indexes WHERE indexname = 'mine'`)).toHaveLength(1);
      const held = world.build({ materialize: 'Table', sql: 'SELECT id FROM postings' });
      await expect(held).rejects.toMatchObject({ reason: 'WarehouseBlocked' });
      expect(await sql('SELECT title FROM public.mine')).toEqual([{ title: 'b' }]);
    });

    it('is not taken for a table of ours', async () => {
      await world.change('CREATE SCHEMA usajobs; CREATE TABLE usajobs.postings (mine int)');
      await expect(world.give({ day: 1, rows: [{ id: 1 }] })).rejects.toMatchObject({ reason: 'NameConflict' });
    });
  });

  it('is served by two workers at once: each load is done once', async () => {
    const { lake, scratch, url, signal } = world;
    const slices = await Promise.all([1, 2, 3].map((day) => world.slice({ day, rows: [{ id: day }, { id: 9 }] })));
    const workers = [1, 2].map(() =>
      openPostgresWarehouse({ server: () => ({ url }), lake, scratch, memory: '300MB' }),
    );
    const locate = async (paths: readonly string[]) => paths.map((path) => ({ path: `${lake}/${path}` }));
    const all = slices.flatMap((slice, at) =>
      workers.map((worker) =>
        worker.load({ key: `key-${at}`, table: ignoring, slices: [slice], rebuild: false, locate }, signal),
      ),
    );
    const outcomes = await Promise.all(all);
    for (const at of [0, 2, 4]) expect(outcomes[at]).toEqual(outcomes[at + 1]);
    expect(outcomes.reduce((sum, { ledger }) => sum + ledger.added, 0)).toBe(2 * 4);
    expect(await sql('SELECT count(*)::int AS n FROM usajobs.postings')).toEqual([{ n: 4 }]);
  });

  describe('a server that does not do what is asked', () => {
    const at = (url: string) =>
      openPostgresWarehouse({ server: () => ({ url }), scratch: world.scratch, memory: '300MB' }).buildModel(
        { model: { ...openings, sql: 'SELECT 1 AS one' }, schema: 'usajobs', tables: [] },
        world.signal,
      );

    it.each([
      ['a password that is wrong', (url: string) => url.replace('made-up', 'canary'), 'WarehouseDenied'],
      ['a database that is not there', (url: string) => `${url}-other`, 'WarehouseDenied'],
      ['a URL that is none', () => 'canary', 'WarehouseUrlInvalid'],
      ['a port that nobody listens on', (url: string) => url.replace(/:\d+\//, ':1/'), 'WarehouseUnavailable'],
      [
        'a host that is not known',
        (url: string) => url.replace('127.0.0.1', 'no.such.invalid'),
        'WarehouseUnavailable',
      ],
    ])('%s', async (_what, change, reason) => {
      const failed = at(change(world.url));
      await expect(failed).rejects.toMatchObject({ reason });
      await expect(failed).rejects.not.toThrow(/canary|made-up/);
    });

    it('rights that are too few are told with what is missing', async () => {
      const name = new URL(world.url).pathname.slice(1);
      await server().run(`DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 'x'`);
      const failed = at(server().url(decodeURIComponent(name), { name: 'guest', password: 'x' }));
      await expect(failed).rejects.toMatchObject({
        reason: 'WarehouseDenied',
        message: expect.stringContaining('CREATE on the database'),
      });
    });
  });

  it('killed in the middle of a load has the table as it was, and takes the load when it is back', {
    timeout: 300_000,
  }, async () => {
    await world.give({ day: 1, rows: [{ id: 1 }] }, ignoring);
    const slice = await world.slice({ day: 2, rows: [{ id: 2 }] });
    const killing: PostgresServer = server();
    const request = {
      ...{ key: 'k', table: ignoring, slices: [slice], rebuild: false },
      locate: async (paths: readonly string[]) => {
        await killing.kill();
        return paths.map((path) => ({ path: `${world.lake}/${path}` }));
      },
    };
    const load = (await world.warehouse()).load(request, world.signal);
    await expect(load).rejects.toMatchObject({ name: 'TransientError', reason: 'WarehouseUnavailable' });
    await killing.restart();
    expect(await sql('SELECT id::int FROM usajobs.postings')).toEqual([{ id: 1 }]);
    expect(await world.load([slice], { key: 'k', spec: ignoring })).toMatchObject({ ledger: { added: 1 }, rows: 2 });
  });

  it('has a table whose rows DuckDB takes for the same', async () => {
    const rows = [
      { id: 1, title: 'Ärztin, "leitend"\n職務', pay: '1.10', tags: ['a,b'], rank: 0.1, seen_at: '2026-10-01' },
    ];
    const here = new World();
    const outcomes = [await here.give({ day: 1, rows }), await world.give({ day: 1, rows })];
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(await world.read('FROM usajobs.postings')).toEqual(await here.read('FROM usajobs.postings'));
    await here.remove();
    expect(postings.columns.length).toBeLessThan(
      Object.keys((await world.read('FROM usajobs.postings'))[0] ?? {}).length,
    );
  });
});
