import { TerminalError } from '../../../run/errors.ts';
import { identifier, literal } from '../../duckdb.ts';
import type { Database } from './database.ts';
import { forgetColumns, knownColumns, rememberColumns } from './ledgers.ts';
import { addRows, type Places, qualified, type TableName } from './mirror.ts';
import { declared, type TypedColumn } from './types.ts';

/** PostgreSQL cuts longer names off. */
const longestName = 63;

/**
 * The columns of a table of ours that is there. Something else that has its name is left alone: it is not known what it
 * is good for.
 */
export async function columnsThere(database: Database, table: TableName): Promise<readonly TypedColumn[] | undefined> {
  const [found] = await database.rows(
    `SELECT c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = ${literal(table.schema)} AND c.relname = ${literal(table.name)}`,
  );
  if (!found) return undefined;
  const columns = found.relkind === 'r' ? await knownColumns(database, table) : undefined;
  if (columns) return columns;
  throw new TerminalError(
    'NameConflict',
    `${qualified(table)} is there already and is none of our tables; rename or drop it, or give the pipeline another schema`,
  );
}

/** Makes a table with the rows that a query of DuckDB gives. What has the name now must be out of the way. */
export async function createTable(
  places: Places,
  table: TableName,
  columns: readonly TypedColumn[],
  rows: string,
): Promise<void> {
  const long = columns.find(({ name }) => Buffer.byteLength(name) > longestName);
  if (long) {
    throw new TerminalError(
      'WarehouseUnsuitable',
      `${qualified(table)}: the name of the column ${long.name} is longer than the ${longestName} bytes that PostgreSQL keeps; give it a shorter one`,
    );
  }
  await places.database.run(`CREATE TABLE ${qualified(table)} (${columns.map(declared).join(', ')})`);
  await addRows(places, table, columns, rows);
}

/** Whether two tables have the same columns. */
export const sameColumns = (a: readonly TypedColumn[], b: readonly TypedColumn[]): boolean =>
  a.length === b.length && a.every(({ name, type }, at) => name === b[at]?.name && type === b[at]?.type);

export async function dropTable(database: Database, table: TableName): Promise<void> {
  await database.run(`DROP TABLE IF EXISTS ${qualified(table)}`);
  await forgetColumns(database, table);
}

export async function renameTable(database: Database, table: TableName, name: string): Promise<void> {
  await database.run(`ALTER TABLE ${qualified(table)} RENAME TO ${identifier(name)}`);
  await forgetColumns(database, table, { ...table, name });
}

/** Writes the comments that the table has in DuckDB, and remembers its columns. */
export async function describeTable(
  { database, session }: Places,
  table: TableName,
  columns: readonly TypedColumn[],
): Promise<void> {
  const here = `schema_name = ${literal(table.schema)} AND table_name = ${literal(table.name)}`;
  const [of] = await session.rows(`SELECT comment FROM duckdb_tables() WHERE ${here}`);
  const comments = await session.rows(
    `SELECT column_name AS name, comment FROM duckdb_columns() WHERE ${here} ORDER BY column_index`,
  );
  const text = (comment: unknown) =>
    typeof comment === 'string' ? literal(comment.replaceAll('\0', '\ufffd')) : 'NULL';
  const ofColumns = comments.map(
    ({ name, comment }) => `COMMENT ON COLUMN ${qualified(table)}.${identifier(String(name))} IS ${text(comment)}`,
  );
  await database.run([`COMMENT ON TABLE ${qualified(table)} IS ${text(of?.comment)}`, ...ofColumns].join('; '));
  await rememberColumns(database, table, columns);
}
