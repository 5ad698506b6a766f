import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pipeline } from '../../../src/api/index.ts';
import {
  analyseModel,
  analyseModels,
  readModels,
  referencedTables,
} from '../../../src/connectors/warehouses/analyse.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

describe('the tables of one SELECT', () => {
  it.each([
    ['SELECT 1', []],
    ['SELECT * FROM postings;', ['postings']],
    ['FROM Postings -- all of them', ['postings']],
    ['TABLE postings', ['postings']],
    ['SELECT * FROM usajobs.postings', ['postings']],
    ['SELECT * FROM a, b JOIN c USING (id) POSITIONAL JOIN d', ['a', 'b', 'c', 'd']],
    [
      'SELECT (SELECT max(x) FROM b) FROM a WHERE x IN (FROM c) ORDER BY (SELECT 1 FROM d) LIMIT (SELECT 2 FROM e)',
      ['a', 'b', 'c', 'd', 'e'],
    ],
    ['SELECT * FROM a QUALIFY row_number() OVER (ORDER BY (SELECT 1 FROM b)) = 1', ['a', 'b']],
    ['SELECT * FROM a UNION ALL (SELECT * FROM b EXCEPT FROM c)', ['a', 'b', 'c']],
    ['SELECT * FROM a, unnest(a.tags) t, range(3), generate_series(1, 2)', ['a']],
    ['SELECT list_filter(tags, x -> x ILIKE (SELECT min(p) FROM b)) FROM a', ['a', 'b']],
    ['WITH a AS (FROM b), c AS (FROM a) SELECT * FROM c', ['b']],
    ['WITH a AS (FROM a) SELECT * FROM a', ['a']],
    ['SELECT * FROM (WITH b AS (SELECT 1) FROM b), b', ['b']],
    ['WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n, a WHERE i < 9) FROM n', ['a']],
    ['WITH RECURSIVE n(i) AS (FROM n UNION ALL FROM n) FROM n', ['n']],
    ['SELECT * FROM (PIVOT a ON kind IN (1, 2) USING count(*) GROUP BY id)', ['a']],
    ['SELECT * FROM a PIVOT (count(*) FOR kind IN (1, 2))', ['a']],
    ['FROM a UNPIVOT (v FOR k IN (x, y))', ['a']],
    ['VALUES (1), ((SELECT 2 FROM a))', ['a']],
  ])('%s', async (sql, tables) => {
    expect(await analyseModel(connection, sql, 'usajobs')).toEqual({ tables });
  });
});

describe('what is no model', () => {
  it.each([
    ['', /is empty/],
    ['-- nothing', /is empty/],
    ['SELEC 1', /syntax error at or near "SELEC"/],
    ['SELECT 1; SELECT 2', /holds 2 statements/],
    ["COPY (SELECT 1) TO 'x.csv'", /it begins with COPY/],
    ["/* hm */ ATTACH 'other.duckdb'", /it begins with ATTACH/],
    ['PRAGMA database_list', /it begins with PRAGMA/],
    ['DROP TABLE postings', /it begins with DROP/],
    ['INSERT INTO postings VALUES (1)', /it begins with INSERT/],
    ['EXPLAIN SELECT 1', /it begins with EXPLAIN/],
    ['WITH x AS (DELETE FROM postings RETURNING *) FROM x', /./],
    ['PIVOT postings ON kind USING count(*)', /SELECT \* FROM \(PIVOT … ON column IN/],
    ['DESCRIBE postings', /uses DESCRIBE, SUMMARIZE or SHOW/],
    ['SELECT * FROM (SHOW ALL TABLES)', /uses DESCRIBE, SUMMARIZE or SHOW/],
    ['SELECT * FROM a JOIN (SUMMARIZE b) ON true', /uses DESCRIBE, SUMMARIZE or SHOW/],
    [
      "SELECT * FROM read_csv('/etc/passwd')",
      /reads from read_csv\(\); of functions only unnest, range, generate_series/,
    ],
    ["SELECT (SELECT content FROM read_text('/etc/passwd'))", /reads from read_text\(\)/],
    ["SELECT * FROM query('FROM other.secrets')", /reads from query\(\)/],
    ["SELECT * FROM query_table('other.secrets')", /reads from query_table\(\)/],
    ["SELECT * FROM json_execute_serialized_sql('{}')", /reads from json_execute_serialized_sql\(\)/],
    ['SELECT * FROM duckdb_secrets()', /reads from duckdb_secrets\(\)/],
    ['SELECT * FROM other.postings', /reads other\.postings.*write postings/],
    ['SELECT * FROM warehouse.usajobs.postings', /reads warehouse\.usajobs\.postings/],
    ['SELECT * FROM information_schema.tables', /reads information_schema\.tables/],
    ['WITH postings AS (SELECT 1) SELECT * FROM other.postings', /reads other\.postings/],
  ])('%s', async (sql, error) => {
    expect(await analyseModel(connection, sql, 'usajobs')).toEqual({ error: expect.stringMatching(error) });
  });

  it('is a file in place of a table, even behind a name made up for it', async () => {
    const model = (sql: string) => ({ name: 'm', sql, checks: [] });
    for (const sql of [
      "FROM 'clean/0.parquet'",
      'FROM "clean/0.parquet"',
      'WITH "clean/0.parquet" AS (FROM "clean/0.parquet") FROM "clean/0.parquet"',
      'WITH RECURSIVE "clean/0.parquet" AS (FROM "clean/0.parquet" UNION FROM "clean/0.parquet") FROM "clean/0.parquet"',
      'SELECT (WITH "clean/0.parquet" AS (SELECT 1) SELECT 1), * FROM "clean/0.parquet"',
    ]) {
      const { problems } = await referencedTables(connection, model(sql), ['postings']);
      expect(problems).toEqual([
        { path: 'sql', message: expect.stringContaining('reads clean/0.parquet, which is no table') },
      ]);
    }
  });
});

const example = (models: object[]) =>
  pipeline.parse({
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'us-jobs' },
    spec: {
      datasets: [
        {
          name: 'postings',
          key: ['id'],
          extract: { files: { paths: ['postings.jsonl'] } },
          format: { jsonl: {} },
          clean: { columns: [{ name: 'id', type: 'bigint', from: '$.id' }] },
        },
      ],
      transform: { models },
    },
  });

describe('the models of a pipeline', () => {
  it('depend on all that their SELECT, insight and checks read', async () => {
    const models = [
      {
        name: 'best',
        sql: 'FROM us_jobs.open_ones',
        insight: 'SELECT count(*) FROM best, openings_by_day',
        checks: [
          { name: 'found', relation: { column: 'id', to: 'postings.id' }, severity: 'Fail' },
          { name: 'some', sql: 'id > (SELECT min(id) FROM best)', severity: 'Warn' },
        ],
      },
      { name: 'open_ones', sql: 'FROM postings' },
      { name: 'openings_by_day', sql: 'SELECT 1' },
    ];
    expect(Object.fromEntries(await analyseModels(example(models)))).toEqual({
      best: ['open_ones', 'openings_by_day', 'postings'],
      open_ones: ['postings'],
      openings_by_day: [],
    });
  });

  it('name each wrong text by its path and the nearest right word', async () => {
    const models = [
      { name: 'a', sql: 'FROM postngs' },
      {
        name: 'b',
        sql: 'FROM b',
        insight: "COPY a TO 'x'",
        checks: [
          { name: 'c', sql: "id IN (FROM read_csv('x'))", severity: 'Fail' },
          { name: 'd', relation: { column: 'id', to: 'posts.id' }, severity: 'Fail' },
        ],
      },
    ];
    const { problems } = await readModels(example(models));
    expect(problems).toEqual([
      {
        path: 'spec.transform.models[0].sql',
        message: 'reads postngs, which is no table it may read (postings, b); did you mean postings?',
      },
      {
        path: 'spec.transform.models[1].sql',
        message: expect.stringContaining('reads b, which is no table it may read (postings, a)'),
      },
      { path: 'spec.transform.models[1].insight', message: expect.stringContaining('is not one SELECT') },
      { path: 'spec.transform.models[1].checks[0].sql', message: expect.stringContaining('reads from read_csv()') },
      { path: 'spec.transform.models[1].checks[1].relation.to', message: expect.stringContaining('reads posts') },
    ]);
    await expect(analyseModels(example(models))).rejects.toMatchObject({
      reason: 'ModelRefused',
      message: expect.stringMatching(/^spec\.transform\.models\[0\]\.sql reads postngs/),
    });
  });

  it('must not read each other in a circle', async () => {
    const models = [
      { name: 'a', sql: 'FROM b' },
      { name: 'b', sql: 'FROM postings', insight: 'SELECT count(*) FROM a' },
      { name: 'c', sql: 'FROM postings' },
    ];
    const { problems } = await readModels(example(models));
    expect(problems).toEqual([
      { path: 'spec.transform.models', message: expect.stringContaining('in a circle (a, b)') },
    ]);
  });
});
