import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { identifier, literal, type Row, rows } from '../../../src/connectors/duckdb.ts';
import { openPostgresWarehouse } from '../../../src/connectors/warehouses/postgres.ts';
import type { Warehouse } from '../../../src/connectors/warehouses/warehouse.ts';
import { withClient } from '../../servers/postgres.ts';
import { type Reader, World } from './world.ts';

/** A lake, and a database of a PostgreSQL server. */
export class PostgresWorld extends World {
  override readonly view = 'BASE TABLE';
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
  }

  protected override async open(): Promise<Warehouse> {
    const { lake, scratch } = this;
    return openPostgresWarehouse({ server: () => ({ url: this.url }), lake, scratch, memory: '500MB' });
  }

  /** Tests speak DuckDB: it is given what is in the database, by another way than that of the warehouse. */
  override async read(sql: string, schema = 'main'): Promise<Row[]> {
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    try {
      await connection.run(`SET TimeZone = 'UTC'`);
      for (const statement of await withClient(this.url, copyOf)) await connection.run(statement);
      await connection.run(`USE memory.${identifier(schema)}`);
      return await rows(connection, sql);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  override async change(sql: string): Promise<void> {
    await withClient(this.url, (client) => client.query(sql));
  }

  override async reader(): Promise<Reader> {
    const client = new pg.Client(this.url);
    await client.connect();
    return { read: async (sql) => (await client.query<Row>(sql)).rows, close: () => client.end() };
  }
}

interface Column {
  readonly schema: string;
  readonly table: string;
  readonly of: string | null;
  readonly name: string;
  readonly type: string;
  readonly comment: string | null;
}

const columns = `
  SELECT n.nspname AS schema, c.relname AS table, obj_description(c.oid) AS of, a.attname AS name,
    format_type(a.atttypid, a.atttypmod) AS type, col_description(c.oid, a.attnum) AS comment
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname !~ '^(pg_|information_schema)'
  ORDER BY 1, 2, a.attnum`;

/** All tables of a database as statements of DuckDB. */
async function copyOf(client: pg.Client): Promise<string[]> {
  const found = await client.query<Column>(columns);
  const tables = Map.groupBy(found.rows, ({ schema, table }) => `${identifier(schema)}.${identifier(table)}`);
  const statements: string[] = [];
  for (const [name, ofTable] of tables) {
    const [{ schema, of } = { schema: '', of: null }] = ofTable;
    const types = ofTable.map((column) => `${identifier(column.name)} ${duckdbType(column.type)}`);
    statements.push(`CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}`, `CREATE TABLE ${name} (${types.join(', ')})`);
    if (of !== null) statements.push(`COMMENT ON TABLE ${name} IS ${literal(of)}`);
    for (const { name: column, comment } of ofTable) {
      if (comment !== null) statements.push(`COMMENT ON COLUMN ${name}.${identifier(column)} IS ${literal(comment)}`);
    }
    const texts = ofTable.map(({ name: column, type }) =>
      type.endsWith('[]') ? `array_to_json(${identifier(column)})::text` : `${identifier(column)}::text`,
    );
    const { rows: lines } = await client.query<(string | null)[]>({
      text: `SELECT ${texts.join(', ')} FROM ${name}`,
      rowMode: 'array',
    });
    const value = (text: string | null, at: number) => {
      const type = duckdbType(ofTable[at]?.type ?? '');
      return `CAST(${text === null ? 'NULL' : literal(text)}${type.endsWith('[]') ? '::JSON' : ''} AS ${type})`;
    };
    for (let at = 0; at < lines.length; at += 500) {
      const some = lines.slice(at, at + 500).map((line) => `(${line.map(value).join(', ')})`);
      statements.push(`INSERT INTO ${name} VALUES ${some.join(', ')}`);
    }
  }
  return statements;
}

const duckdbType = (type: string): string =>
  type
    .replace('text', 'VARCHAR')
    .replace('double precision', 'DOUBLE')
    .replace('timestamp without time zone', 'TIMESTAMP')
    .replace('numeric', 'DECIMAL')
    .toUpperCase();
