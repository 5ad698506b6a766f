import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelCheck } from '../../../src/api/index.ts';
import { onEveryWarehouse } from './everyWarehouse.ts';
import { openings, type World } from './world.ts';

onEveryWarehouse((open) => {
  let world: World;
  beforeEach(async () => {
    world = await open();
    await world.give({
      day: 1,
      rows: [
        { id: 1, title: 'Data engineer', pay: '100' },
        { id: 2, title: 'Analyst', pay: '300' },
        { id: 3, title: 'Clerk', pay: '200' },
      ],
    });
  });
  afterEach(() => world.remove());

  const kinds = () =>
    world.read(
      `SELECT table_name AS name, table_type AS kind FROM information_schema.tables WHERE table_schema = 'usajobs' ORDER BY ALL`,
    );

  describe('a model', () => {
    it('is a view that keeps its order and follows its tables, or a table that the next run builds again', async () => {
      const built = await world.build({ description: 'Open postings' });
      expect(built).toMatchObject({ ledger: { rows: 3, passed: 0, warned: 0, failed: 0 }, notices: [] });
      expect(built.schema).toEqual([
        { name: 'id', type: 'BIGINT' },
        { name: 'title', type: 'VARCHAR' },
        { name: 'pay', type: 'DECIMAL(12,2)' },
      ]);
      await world.give({
        day: 2,
        rows: [
          { id: 1, title: 'Data engineer', pay: '250' },
          { id: 2, title: 'Analyst', pay: '300' },
        ],
      });
      if (world.view !== 'VIEW') await world.build({ description: 'Open postings' });
      const order = world.view === 'VIEW' ? '' : 'ORDER BY pay DESC';
      expect(await world.read(`SELECT id FROM usajobs.openings ${order}`)).toEqual([{ id: '2' }, { id: '1' }]);
      expect(await kinds()).toEqual([
        { name: 'openings', kind: world.view },
        { name: 'postings', kind: 'BASE TABLE' },
      ]);
      const views = `SELECT comment FROM duckdb_views() WHERE NOT internal UNION ALL SELECT comment FROM duckdb_tables() WHERE table_name = 'openings'`;
      expect(await world.read(views)).toEqual([{ comment: 'Open postings' }]);
    });

    it('is a table that stays as it was built', async () => {
      const columns = [{ name: 'pay', description: "What it pays, 'gross'" }];
      const built = await world.build({ materialize: 'Table', description: 'Open postings', columns });
      expect(built.schema[2]).toEqual({ name: 'pay', type: 'DECIMAL(12,2)', comment: "What it pays, 'gross'" });
      await world.give({ day: 2, rows: [{ id: 2 }] });
      expect(await world.read('SELECT id FROM usajobs.openings ORDER BY pay DESC')).toEqual([
        { id: '2' },
        { id: '3' },
        { id: '1' },
      ]);
      expect(await world.read(`SELECT comment FROM duckdb_columns() WHERE comment LIKE 'What%'`)).toHaveLength(1);
      expect(await world.read(`SELECT comment FROM duckdb_tables() WHERE comment = 'Open postings'`)).toHaveLength(1);
    });

    it('turns from view to table and back', async () => {
      for (const materialize of ['View', 'Table', 'Table', 'View', 'View'] as const) {
        await world.build({ materialize });
        const kind = materialize === 'View' ? world.view : 'BASE TABLE';
        expect(await kinds()).toContainEqual({ name: 'openings', kind });
      }
      expect(await kinds()).toHaveLength(2);
    });

    it('has the same hash as long as it has the same rows', async () => {
      const view = await world.build({});
      const table = await world.build({
        materialize: 'Table',
        sql: 'SELECT id, title, pay FROM postings ORDER BY title',
      });
      expect(table.rowsHash).toBe(view.rowsHash);
      const other = await world.build({ sql: 'SELECT id, title, pay + 1 AS pay FROM postings' });
      expect(other.rowsHash).not.toBe(view.rowsHash);
    });

    it('may call our SQL functions and read other models', async () => {
      await world.build({});
      const sql = `SELECT id, annual_pay(pay, 'BW') AS pay, experience_years('3 years of experience required') AS years FROM openings`;
      for (const materialize of ['View', 'Table'] as const) {
        await world.build({ name: 'paid', materialize, sql }, ['openings']);
      }
      expect(await world.read('SELECT pay, years FROM usajobs.paid ORDER BY pay LIMIT 1')).toEqual([
        { pay: '2600.00', years: 3 },
      ]);
    });

    it('says what is wrong with its SQL', async () => {
      await expect(world.build({ sql: 'SELECT titel FROM postings' })).rejects.toMatchObject({
        reason: 'ModelFailed',
        message: expect.stringMatching(
          /^model openings: Binder Error: Referenced column "titel" not found[\s\S]*"title"/,
        ),
      });
      await expect(world.build({ columns: [{ name: 'tittle', description: 'x' }] })).rejects.toMatchObject({
        reason: 'ModelRefused',
        message: expect.stringContaining('did you mean title?'),
      });
    });

    it('never shows a value in an error', async () => {
      const failed = world.build({ sql: 'SELECT CAST(title AS INTEGER) AS number FROM postings' });
      await expect(failed).rejects.toMatchObject({ reason: 'ModelFailed' });
      await expect(failed).rejects.not.toThrow(/Data engineer|Analyst|Clerk/);
    });

    it('stops when it is told to', async () => {
      const warehouse = await world.warehouse();
      const sql = 'SELECT count(*) FROM range(100000000) a, range(100000) b WHERE (a.range * b.range) % 7 = 3';
      const request = { model: { ...openings, sql }, schema: 'usajobs', tables: [] };
      const work = warehouse.buildModel(request, AbortSignal.timeout(300));
      await expect(work).rejects.toMatchObject({ name: 'TimeoutError' });
      await world.build({});
    });
  });

  describe('SQL that a model may not hold', () => {
    it.each([
      ["COPY postings TO 'stolen.csv'"],
      ["ATTACH 'other.duckdb'"],
      ["SELECT * FROM read_csv('clean/0.parquet')"],
      ["FROM 'clean/0.parquet'"],
      ['FROM other.postings'],
      ['FROM _jobpulse.loads'],
      ['SELECT 1; SELECT 2'],
      ['PRAGMA database_list'],
      ['FROM openings'],
      ['FROM unheard_of'],
    ])('%s', async (sql) => {
      const refused = { name: 'TerminalError', reason: 'ModelRefused' };
      await expect(world.build({ sql })).rejects.toMatchObject(refused);
      await expect(
        world.build({ insight: sql === 'FROM openings' ? 'FROM other.openings' : sql }),
      ).rejects.toMatchObject(refused);
      expect(await kinds()).toEqual([{ name: 'postings', kind: 'BASE TABLE' }]);
    });

    it('is looked for in checks, too', async () => {
      const check: ModelCheck = { name: 'c', sql: "id IN (SELECT 1 FROM read_text('/etc/passwd'))", severity: 'Warn' };
      await expect(world.build({ checks: [check] })).rejects.toMatchObject({
        message: expect.stringContaining('model openings: checks[0].sql reads from read_text()'),
      });
    });
  });

  describe('checks', () => {
    const broken: [string, Omit<ModelCheck, 'name' | 'severity'>, string, number][] = [
      ['unique', { unique: ['kind'] }, "SELECT id, 'x' AS kind FROM postings", 3],
      [
        'unique over several columns',
        { unique: ['kind', 'part'] },
        "SELECT 'x' AS kind, id % 2 AS part FROM postings",
        2,
      ],
      ['notNull', { notNull: ['id', 'low'] }, 'SELECT id, CASE WHEN pay < 250 THEN pay END AS low FROM postings', 1],
      ['relation', { relation: { column: 'id', to: 'postings.id' } }, 'SELECT id + 1 AS id FROM postings', 1],
      ['relation to another model', { relation: { column: 'id', to: 'others.id' } }, 'SELECT id FROM postings', 2],
      ['sql', { sql: 'pay < 250 -- a comment' }, 'SELECT pay FROM postings', 1],
      ['sql over the whole model', { sql: 'pay < (SELECT max(pay) FROM openings)' }, 'SELECT pay FROM postings', 1],
    ];
    it.each(broken)('%s: a failure leaves what readers see as it was', async (_what, ask, sql, rows) => {
      await world.build({ name: 'others', sql: 'SELECT 1 AS id' });
      await world.build({ sql: 'SELECT 42 AS answer' }, []);
      for (const materialize of ['View', 'Table'] as const) {
        const check: ModelCheck = { name: 'law', severity: 'Fail', ...ask };
        const failed = world.build({ materialize, sql, checks: [check] }, ['postings', 'others']);
        await expect(failed).rejects.toMatchObject({ name: 'TerminalError', reason: 'CheckFailed' });
        const message = await failed.then(
          () => 'published',
          (error: Error) => error.message,
        );
        expect(message).toMatch(new RegExp(`^model openings, check law \\(.+\\): ${rows} rows? fails?; to see: `));
        expect(message).toContain('Nothing was published');
        const see = /to see: ([\s\S]*)\nNothing was/.exec(message)?.[1] ?? '';
        expect(await world.read('FROM usajobs.openings')).toEqual([{ answer: 42 }]);
        const [use, query = ''] = see.split('; ');
        expect(use).toBe('USE "usajobs"');
        expect(await world.read(query, 'usajobs')).toHaveLength(rows);
      }
    });

    it.each([
      ['unique', { unique: ['id'] }],
      ['unique, unknown values aside', { unique: ['gap'] }],
      ['notNull', { notNull: ['id'] }],
      ['relation, unknown values aside', { relation: { column: 'gap', to: 'postings.id' } }],
      ['rowCount', { rowCount: { min: 3, max: 3 } }],
      ['sql, null passes', { sql: 'gap > 5' }],
    ] satisfies [string, Omit<ModelCheck, 'name' | 'severity'>][])('%s: holds', async (_what, ask) => {
      const check: ModelCheck = { name: 'law', severity: 'Fail', ...ask };
      const built = await world.build({ sql: 'SELECT id, NULL::BIGINT AS gap FROM postings', checks: [check] });
      expect(built.ledger).toEqual({ rows: 3, passed: 1, warned: 0, failed: 0 });
    });

    it('count rows', async () => {
      const checks: ModelCheck[] = [{ name: 'size', rowCount: { min: 4, max: 9 }, severity: 'Fail' }];
      await expect(world.build({ checks })).rejects.toThrow(
        /check size \(rowCount: \{"min":4,"max":9\}\): the number of rows is out of bounds/,
      );
      await world.build({ checks: [{ name: 'size', rowCount: { max: 3 }, severity: 'Fail' }] });
      await expect(
        world.build({ checks: [{ name: 'size', rowCount: { max: 2 }, severity: 'Fail' }] }),
      ).rejects.toThrow();
    });

    it('that only warn are told and do not hold the model back', async () => {
      const checks: ModelCheck[] = [
        { name: 'cheap', sql: 'pay < 250', severity: 'Warn' },
        { name: 'id', unique: ['id'], severity: 'Fail' },
      ];
      const built = await world.build({ checks });
      expect(built.ledger).toEqual({ rows: 3, passed: 1, warned: 1, failed: 0 });
      expect(built.notices).toEqual([
        {
          reason: 'CheckWarned',
          message: expect.stringContaining('model openings, check cheap (sql: pay < 250): 1 row fails'),
        },
      ]);
      expect(await kinds()).toContainEqual({ name: 'openings', kind: world.view });
    });

    it('all tell what they found, not only the first', async () => {
      const checks: ModelCheck[] = [
        { name: 'first', sql: 'pay < 250', severity: 'Fail' },
        { name: 'second', sql: 'id < 2', severity: 'Fail' },
      ];
      await expect(world.build({ checks })).rejects.toThrow(/check first[\s\S]*check second/);
    });

    it('on a column that is not there are named', async () => {
      const checks: ModelCheck[] = [{ name: 'lost', notNull: ['titel'], severity: 'Warn' }];
      await expect(world.build({ checks })).rejects.toMatchObject({
        reason: 'ModelFailed',
        message: expect.stringMatching(/^model openings, check lost: Binder Error: .*titel/),
      });
    });
  });

  describe('the insight', () => {
    it('is what the manifest asks for, and may read the new model', async () => {
      const insight = `SELECT 'best paid:\n  ' || max_by(title, pay) FROM openings;`;
      expect((await world.build({ insight })).insight).toBe('best paid: Analyst');
    });

    it('is the size and the first row otherwise', async () => {
      expect((await world.build({})).insight).toBe('3 rows; first: id 2, title Analyst, pay 300.00');
      expect((await world.build({ sql: 'FROM postings WHERE id > 9' })).insight).toBe('0 rows');
      const wide = `SELECT [1] AS list, {a: 1} AS part, '{}'::JSON AS json, repeat('x', 100) AS long, NULL AS gap`;
      expect((await world.build({ sql: wide }, [])).insight).toBe(`1 row; first: long ${'x'.repeat(59)}…, gap null`);
      expect((await world.build({ insight: 'SELECT NULL' })).insight).toMatch(/^3 rows/);
    });

    it('is one text', async () => {
      const wrong = {
        reason: 'ModelFailed',
        message: expect.stringMatching(/^model openings, insight \(one SELECT of one text\)/),
      };
      await expect(world.build({ insight: 'SELECT title FROM postings' })).rejects.toMatchObject(wrong);
      await expect(world.build({ insight: `SELECT 'a', 'b'` })).rejects.toMatchObject(wrong);
      expect(await kinds()).toEqual([{ name: 'postings', kind: 'BASE TABLE' }]);
    });
  });
});
