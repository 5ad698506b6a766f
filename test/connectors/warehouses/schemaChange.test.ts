import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { widens } from '../../../src/connectors/warehouses/duckdb/replaced.ts';
import type { LoadSlice, TableSpec } from '../../../src/connectors/warehouses/warehouse.ts';
import { onEveryWarehouse } from './everyWarehouse.ts';
import { postings, table, type World } from './world.ts';

onEveryWarehouse((open) => {
  let world: World;
  let slices: LoadSlice[];
  beforeEach(async () => {
    world = await open();
    slices = [await world.slice({ day: 1, rows: [{ id: 1, title: 'Clerk', pay: '10.50' }] })];
    await world.load(slices);
  });
  afterEach(() => world.remove());

  const [id, title, pay] = postings.columns;
  if (!id || !title || !pay) throw new Error('the fixture has lost its columns');
  const change = (columns: TableSpec['columns'], more: Partial<TableSpec> = {}) =>
    world.load(slices, { rebuild: true, spec: table({}, { columns, ...more }) });
  const tables = () => world.read(`SELECT table_name FROM duckdb_tables() WHERE schema_name = 'usajobs' ORDER BY ALL`);

  describe('when the columns of a table change', () => {
    it('a new one is NULL where files lack it, and a wider type takes all values: no other table is left', async () => {
      const note = { name: 'note', type: 'string' };
      await change([{ ...id, type: 'decimal(20,0)' }, ...postings.columns.slice(1), note]);
      expect(await world.read('SELECT id, title, note FROM usajobs.postings')).toEqual([
        { id: '1', title: 'Clerk', note: null },
      ]);
      expect(await tables()).toEqual([{ table_name: 'postings' }]);
    });

    it.each([
      ['a column is taken away', [id, pay]],
      ['a type becomes narrower', [{ ...id, type: 'integer' }, ...postings.columns.slice(1)]],
    ])('the table is kept beside the new one when %s', async (_what, columns) => {
      await change(columns);
      expect(await tables()).toEqual([{ table_name: 'postings' }, { table_name: 'postings__v1' }]);
      expect(await world.read('SELECT title FROM usajobs.postings__v1')).toEqual([{ title: 'Clerk' }]);
    });

    it('replaced tables are counted on, and dropped by a load when their time is over', async () => {
      await change([id, pay]);
      await change([id]);
      expect(await tables()).toHaveLength(3);
      await change([id], { keepReplacedMs: 0 });
      expect(await tables()).toEqual([{ table_name: 'postings' }]);
      expect(await world.read('FROM _jobpulse.replaced')).toEqual([]);
    });
  });
});

it.each([
  ['INTEGER', 'BIGINT', true],
  ['INTEGER', 'DECIMAL(12,2)', true],
  ['INTEGER', 'DECIMAL(9,2)', false],
  ['BIGINT', 'DECIMAL(19,0)', true],
  ['BIGINT', 'DOUBLE', false],
  ['DECIMAL(12,2)', 'DECIMAL(14,4)', true],
  ['DECIMAL(12,2)', 'DECIMAL(12,4)', false],
  ['DECIMAL(12,2)', 'VARCHAR', true],
  ['DATE', 'TIMESTAMP', true],
  ['TIMESTAMP', 'DATE', false],
  ['VARCHAR', 'INTEGER', false],
  ['VARCHAR[]', 'VARCHAR[]', true],
  ['VARCHAR', 'VARCHAR[]', false],
  ['BOOLEAN', 'VARCHAR', false],
])('%s → %s takes all values: %s', (from, to, all) => {
  expect(widens(from, to)).toBe(all);
});
