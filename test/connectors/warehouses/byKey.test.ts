import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inputsByKey } from '../../../src/connectors/warehouses/analyse.ts';

type Connection = Awaited<ReturnType<DuckDBInstance['connect']>>;
let connection: Connection;
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect();
});
afterAll(() => connection.closeSync());

const inputs = (sql: string, key = ['id']) => inputsByKey(connection, { sql, materialize: 'Incremental', key });

describe('a SELECT whose rows depend on rows of the same key only', () => {
  it.each([
    ['FROM a', ['a']],
    ['SELECT id, upper(title) AS title FROM a WHERE pay > 3 ORDER BY title', ['a']],
    ['SELECT * EXCLUDE (title) FROM a', ['a']],
    ['SELECT DISTINCT id, title FROM a', ['a']],
    ['SELECT id, count(*) AS n FROM a GROUP BY id', ['a']],
    ['SELECT id, title, count(*) AS n FROM a GROUP BY ALL', ['a']],
    ['SELECT * FROM a QUALIFY row_number() OVER (PARTITION BY id ORDER BY seen_at) = 1', ['a']],
    ['SELECT x.*, y.pay FROM a x JOIN b y USING (id) WHERE x.pay > y.pay', ['a', 'b']],
    ['SELECT id, sum(y.pay) AS pay FROM a x LEFT JOIN b y USING (id) GROUP BY id', ['a', 'b']],
    [
      'SELECT x.id, lag(x.pay) OVER w AS pay FROM a x SEMI JOIN b USING (id) WINDOW w AS (PARTITION BY x.id)',
      ['a', 'b'],
    ],
  ])('%s', async (sql, tables) => {
    expect(await inputs(sql)).toEqual(tables);
  });
});

describe('a SELECT of which that cannot be told', () => {
  it.each([
    ['SELECT id + 1 AS id FROM a'],
    ['SELECT title AS id FROM a'],
    ['SELECT title AS id, * FROM a'],
    ['SELECT * REPLACE (1 AS id) FROM a'],
    ['SELECT * EXCLUDE (id), pay AS id FROM a'],
    ["SELECT COLUMNS('i.*') FROM a"],
    ['SELECT * FROM a LIMIT 5'],
    ['SELECT DISTINCT ON (title) * FROM a'],
    ['SELECT * FROM a TABLESAMPLE 10%'],
    ['SELECT id, count(*) OVER () AS n FROM a'],
    ['SELECT id, row_number() OVER (PARTITION BY title) AS n FROM a'],
    ['SELECT any_value(id) AS id, title FROM a GROUP BY title'],
    ['SELECT id, count(*) AS n FROM a GROUP BY ROLLUP (id)'],
    ['SELECT id, (SELECT max(pay) FROM a) AS top FROM a'],
    ['SELECT id FROM a WHERE id IN (FROM b)'],
    ['WITH b AS (FROM a LIMIT 1) SELECT id FROM b'],
    ['SELECT id FROM a UNION ALL SELECT id FROM b'],
    ['SELECT id FROM (FROM a)'],
    ['SELECT a.id FROM a, b'],
    ['SELECT a.id FROM a JOIN b ON a.id = b.other'],
    ['SELECT * FROM a JOIN b USING (title)'],
    ['SELECT b.id FROM a LEFT JOIN b USING (id)'],
    ['SELECT id, sum(pay) OVER (PARTITION BY b.id) AS pay FROM a LEFT JOIN b USING (id)'],
    ['SELECT * FROM a FULL JOIN b USING (id)'],
    ['SELECT a.id FROM a POSITIONAL JOIN b'],
    ['SELECT id, now() AS at FROM a'],
    ['SELECT id FROM a WHERE seen_at < current_date'],
    ['SELECT id, random() AS lot FROM a'],
    ['SELECT id FROM usajobs.a'],
    ['SELECT 1 AS id'],
    ['not SQL'],
  ])('%s', async (sql) => {
    expect(await inputs(sql)).toBeUndefined();
  });

  it('lacks a part of the key', async () => {
    expect(await inputs('SELECT id, count(*) AS n FROM a GROUP BY id', ['id', 'title'])).toBeUndefined();
    expect(await inputs('SELECT * FROM a JOIN b USING (id)', ['id', 'title'])).toBeUndefined();
  });
});
