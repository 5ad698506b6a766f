import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Model } from '../../../src/api/index.ts';
import { onEveryWarehouse } from './everyWarehouse.ts';
import { type Posting, table, type World } from './world.ts';

onEveryWarehouse((open) => {
  let world: World;
  beforeEach(async () => {
    world = await open();
  });
  afterEach(() => world.remove());

  const spec = table({ maxMissingPercent: 100 });
  const visits = table({ mode: 'Append', onMissing: 'Ignore' }, { name: 'visits' });
  const tables = ['postings', 'visits'];

  const models: [string, Partial<Model>][] = [
    ['by key', { key: ['id'], sql: 'SELECT id, title, _removed_at IS NULL AS is_open FROM postings' }],
    [
      'by key, over joined inputs',
      {
        key: ['id'],
        sql: 'SELECT id, any_value(p.title) AS title, count(v.id) AS visits FROM postings p LEFT JOIN visits v USING (id) GROUP BY id',
      },
    ],
    [
      'by key, with a window',
      {
        key: ['id'],
        sql: 'SELECT * EXCLUDE (_run_id) FROM visits QUALIFY row_number() OVER (PARTITION BY id ORDER BY _as_of DESC, _row_hash) = 1',
      },
    ],
    [
      'by key, where all rows matter',
      { key: ['id'], sql: 'SELECT id, rank() OVER (ORDER BY title) AS place FROM postings' },
    ],
    ['by partition', { partitionBy: ['title'], sql: 'SELECT title, id FROM postings' }],
    [
      'by partition of the result',
      { partitionBy: ['initial'], sql: `SELECT left(title, 1) AS initial, count(*) AS n FROM postings GROUP BY 1` },
    ],
  ];

  const posting = fc.record({
    id: fc.integer({ min: 1, max: 5 }),
    title: fc.option(fc.constantFrom('analyst', 'engineer', 'clerk', 'editor'), { nil: undefined }),
  });
  const days = fc.array(
    fc.record({ postings: fc.array(posting, { maxLength: 5 }), visits: fc.array(posting, { maxLength: 3 }) }),
    {
      minLength: 2,
      maxLength: 4,
    },
  );

  describe.each(models)('an incremental model %s', (_name, model) => {
    const wanted = { name: 'wanted', materialize: 'Table', sql: model.sql ?? '' } as const;
    const found = { name: 'found', materialize: 'Incremental', ...model } as const;

    it('is what a full build gives, after every load', { timeout: 120_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(days, async (story) => {
          const bench = await open();
          try {
            for (const [at, each] of story.entries()) {
              await bench.give({ day: at + 1, rows: each.postings }, spec);
              await bench.give({ day: at + 1, rows: each.visits }, visits);
              const full = await bench.build(wanted, tables);
              const incremental = await bench.build(found, tables);
              expect(incremental.rowsHash).toBe(full.rowsHash);
              expect(incremental.ledger.rows).toBe(full.ledger.rows);
            }
            expect(await bench.read('(FROM usajobs.found EXCEPT ALL FROM usajobs.wanted) LIMIT 9')).toEqual([]);
          } finally {
            await bench.remove();
          }
        }),
        { numRuns: world.view === 'VIEW' ? 3 : 1 },
      );
    });
  });

  describe('an incremental model', () => {
    const titles = {
      name: 'titles',
      materialize: 'Incremental',
      key: ['id'],
      sql: 'SELECT id, title FROM postings',
    } satisfies Partial<Model>;
    const all = { ...titles, sql: 'SELECT id, title, rank() OVER (ORDER BY id) AS place FROM postings' };
    const row = (id: number, title = `title ${id}`): Posting => ({ id, title });
    const seen = () => world.read('SELECT id::INT AS id, title FROM usajobs.titles ORDER BY id');

    it('computes the rows of changed keys only', async () => {
      await world.give({ day: 1, rows: [row(1), row(2), row(3)] });
      await world.build(titles);
      await world.change(`UPDATE usajobs.titles SET title = 'touched by hand'`);
      await world.give({ day: 2, rows: [row(1), row(2, 'new'), row(4)] });
      await world.build(titles);
      expect(await seen()).toEqual([{ id: 1, title: 'touched by hand' }, ...[row(2, 'new'), row(3), row(4)]]);
    });

    it.each([
      ['its SELECT', { sql: 'SELECT id, title FROM postings WHERE true' }],
      ['its key', { key: ['id', 'title'] }],
      ['what it is made into and back', { materialize: 'Table' as const }],
    ])('is built anew when %s changes', async (_what, change) => {
      await world.give({ day: 1, rows: [row(1)] });
      await world.build(titles);
      await world.change(`UPDATE usajobs.titles SET title = 'touched by hand'`);
      await world.build({ ...titles, ...change });
      expect(await seen()).toEqual([row(1)]);
      await world.build(titles);
      expect(await seen()).toEqual([row(1)]);
    });

    it('is built anew when a column of its inputs gets another type, or somebody dropped it', async () => {
      await world.give({ day: 1, rows: [row(1)] });
      const star = { ...titles, sql: 'FROM postings' };
      await world.build(star);
      const columns = spec.columns.map((column) => (column.name === 'id' ? { ...column, type: 'string' } : column));
      const slices = [await world.slice({ day: 1, rows: [row(1)] })];
      await world.load(slices, { rebuild: true, spec: { ...spec, columns } });
      await world.build(star);
      expect(await world.read('SELECT id, title FROM usajobs.titles')).toEqual([{ id: '1', title: 'title 1' }]);
      await world.change('DROP TABLE usajobs.titles');
      await world.build(star);
      expect(await world.read('SELECT id, title FROM usajobs.titles')).toEqual([{ id: '1', title: 'title 1' }]);
    });

    it.each([
      ['one that is computed by key', titles],
      ['one that is computed whole', all],
    ])('%s leaves everything as it was when a check fails or a key is not one', async (_what, model) => {
      await world.give({ day: 1, rows: [row(1), row(2)] });
      const checks: Model['checks'] = [{ name: 'short', sql: 'length(title) < 20', severity: 'Fail' }];
      await world.build({ ...model, checks });
      await world.give({ day: 2, rows: [row(1, 'a title that is much too long'), row(2, 'new')] });
      await expect(world.build({ ...model, checks })).rejects.toMatchObject({ reason: 'CheckFailed' });
      expect(await seen()).toEqual([row(1), row(2)]);
      await world.build(model);
      expect(await seen()).toEqual([row(1, 'a title that is much too long'), row(2, 'new')]);
      const twice = { ...model, sql: 'SELECT unnest([id, id]) AS id, title FROM postings' };
      await expect(world.build(twice)).rejects.toThrow(/2 values of its key \(id\) have several rows/);
    });
  });

  it.each(['Table', 'Incremental'] as const)(
    'a reader never sees a model (%s) empty or half while it is built',
    async (materialize) => {
      const model = {
        name: 'production',
        materialize,
        key: ['id'],
        sql: 'SELECT id, max(title) AS title, max(_run_id) AS run FROM postings GROUP BY id',
      };
      const load = async (day: number) =>
        world.load([await world.manyRows(day, 0, 20_000 * day)], {
          spec: table({ mode: 'Append', onMissing: 'Ignore' }),
        });
      await load(1);
      await world.build(model);
      const reader = await world.reader();
      const seen = new Set<number>();
      let isBuilding = true;
      const reading = (async () => {
        let polls = 0;
        for (; isBuilding || polls === 0; polls += 1) {
          const [found] = await reader.read('SELECT count(*)::INT AS rows FROM usajobs.production');
          seen.add(Number(found?.rows));
        }
        return polls;
      })();
      for (const day of [2, 3]) {
        await load(day);
        await world.build(model);
      }
      isBuilding = false;
      expect(await reading).toBeGreaterThan(10);
      await reader.close();
      expect([...seen].every((count) => [20_000, 40_000, 60_000].includes(count))).toBe(true);
      expect(seen.size).toBeGreaterThan(1);
    },
  );
});
