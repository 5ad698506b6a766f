import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clean } from '../../../src/api/clean.ts';
import { registerFunctions } from '../../../src/enrich/index.ts';
import { checkRules } from '../../../src/workers/clean/checkRules.ts';
import { checkExpression } from '../../../src/workers/clean/expression.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await registerFunctions(connection);
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

const columns = [
  { name: 'title', type: 'VARCHAR' },
  { name: 'pay', type: 'DECIMAL(12,2)' },
  { name: 'tags', type: 'VARCHAR[]' },
];

describe('checkExpression', () => {
  it.each([
    'pay * 2',
    "annual_pay(pay, 'PH')",
    "try_cast(regexp_extract(replace(title, ',', ''), '[0-9]+') AS INTEGER)",
    'CASE WHEN pay > 1 THEN title END -- a comment',
    "len(list_filter(tags, lambda x: x ILIKE '%remote%')) > 0",
    "title || ' -- ' || _source_uri /* all of it */",
    "date_trunc('hour', _as_of)",
    'pay BETWEEN 1 AND 2 AND title IS NOT NULL',
    "[x.upper() for x in tags if x <> 'a']",
  ])('takes %s', async (sql) => {
    expect(await checkExpression(connection, sql, columns)).toBeUndefined();
  });

  it.each([
    ['pay *', 'cannot be parsed'],
    ['pay; DROP TABLE x', 'cannot be parsed'],
    ['pay), (title', 'is not one scalar expression'],
    ['pay) AS a, (title', 'is not one scalar expression'],
    ['pay) UNION SELECT (1', 'is not one scalar expression'],
    ['(SELECT max(pay))', 'holds a subquery'],
    ["title IN (SELECT * FROM read_csv('/etc/passwd'))", 'holds a subquery'],
    ['CASE WHEN pay > 1 THEN EXISTS (SELECT 1) END', 'holds a subquery'],
    ['row_number() OVER ()', 'holds a window function'],
    ['*', 'holds *'],
    ['COLUMNS(*)', 'holds *'],
    ['$1', 'holds a parameter'],
    ['unnest(tags)', 'makes several rows'],
    ['sum(pay)', 'calls the aggregate sum'],
    ['upper(max(title))', 'calls the aggregate max'],
    ['random()', 'calls random'],
    ['now()', 'calls now'],
    [
      'current_timestamp',
      'calls current_timestamp, whose value is another one each time; the time of the run is _as_of',
    ],
    ['uuid()', 'calls uuid'],
    [
      'titel',
      'names titel, which is not an earlier column; did you mean title?; there are title, pay, tags, _as_of, _source_uri',
    ],
    ['_reasons', 'names _reasons, which is not an earlier column'],
    ['anual_pay(pay, title)', 'Scalar Function with name anual_pay does not exist!\nDid you mean "annual_pay"?'],
    ['tags * 2', 'No function matches'],
  ])('refuses %s: %s', async (sql, why) => {
    expect(await checkExpression(connection, sql, columns)).toContain(why);
  });
});

it('checkRules finds what only the database can tell, with its place', async () => {
  const problems = await checkRules(
    connection,
    clean.parse({
      columns: [
        { name: 'a', type: 'string', from: 'a', pattern: '(' },
        { name: 'early', type: 'string', sql: 'upper(late)' },
        { name: 'late', type: 'date', from: 'late', parse: { dates: ['serial', '%d/%m/%Y', '%Q'], language: 'xx' } },
        { name: 'b', type: 'string', from: 'b', parse: { regex: '[' } },
      ],
      where: 'late IS NOT NULL AND missing > 1',
      checks: [
        { name: 'fine', sql: 'late <= CAST(_as_of AS DATE)', severity: 'Warn' },
        { name: 'wrong', sql: 'count(*) > 1', severity: 'Fail' },
      ],
    }),
  );
  expect(problems.map(({ path }) => path)).toEqual([
    'clean.columns[0].pattern',
    'clean.columns[1].sql',
    'clean.columns[2].parse.dates',
    'clean.columns[2].parse.language',
    'clean.columns[3].parse.regex',
    'clean.where',
    'clean.checks[1].sql',
  ]);
  expect(problems[1]?.message).toBe('names late, which is not an earlier column; there are a, _as_of, _source_uri');
});
