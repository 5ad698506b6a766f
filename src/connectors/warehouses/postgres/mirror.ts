import { statSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalText } from '../../canonical.ts';
import { identifier, literal } from '../../duckdb.ts';
import type { Session } from '../duckdb/session.ts';
import type { Database } from './database.ts';
import { declared, read, type TypedColumn, told, written } from './types.ts';

/**
 * A table of PostgreSQL is brought into a scratch DuckDB, which does with it what it does with its own tables; then only
 * what became of its rows is written back. So the rules of loads and models are there once, whatever the warehouse.
 */
export interface Places {
  readonly database: Database;
  /** The scratch DuckDB. */
  readonly session: Session;
  /** For files that rows travel in. */
  readonly folder: string;
}

/** A table by its schema and its name. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** Names a table, in SQL of both. */
export const qualified = ({ schema, name }: TableName): string => `${identifier(schema)}.${identifier(name)}`;

/** In a mirrored table: where PostgreSQL has the row. Nothing writes there while the transaction lasts. */
export const place = '_jobpulse_row';

/** The rows of a table as they were, each with its place. */
const wasSchema = '_jobpulse_was';
export const wasOf = ({ schema, name }: TableName): string => `${wasSchema}.${identifier(`${schema}.${name}`)}`;

/** Brings rows in, as a table in `wasSchema`; columns that are not asked for are NULL. */
export async function bringWas(
  { database, session, folder }: Places,
  table: TableName,
  columns: readonly TypedColumn[],
  { only = columns, where = 'true' }: { readonly only?: readonly TypedColumn[]; readonly where?: string } = {},
): Promise<void> {
  const file = join(folder, 'in.csv');
  const asked = only.map((column) => `, ${told(column)}`);
  await database.copyOut(`SELECT ctid${asked.join('')} FROM ${qualified(table)} WHERE ${where}`, file);
  const declarations = columns.map(({ name, type }) => `${identifier(name)} ${type}`);
  const target = wasOf(table);
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${wasSchema}`);
  await session.run(`CREATE TABLE ${target} (${[...declarations, `${place} VARCHAR`].join(', ')})`);
  const values = [...only.map(read), place].join(', ');
  await session.run(
    `INSERT INTO ${target} BY NAME SELECT ${values} FROM ${csv(file, [place, ...only.map(({ name }) => name)])}`,
  );
}

/** Brings a whole table in, to be read and changed as any other. */
export async function bringWhole(
  places: Places,
  table: TableName,
  columns: readonly TypedColumn[],
  where = 'true',
): Promise<void> {
  await bringWas(places, table, columns, { where });
  await places.session.run(`CREATE TABLE ${qualified(table)} AS SELECT * EXCLUDE (${place}) FROM ${wasOf(table)}`);
}

/** Bytes of a row that is read: a reader needs a buffer for the longest it may meet, which is at most all there are. */
const [usualRow, longestRow] = [2 ** 21, 2 ** 25];

/** What PostgreSQL wrote, as text. NULL is nothing at all, the empty text a pair of quotes. */
function csv(file: string, names: readonly string[]): string {
  const columns = names.map((name) => `${literal(name)}: 'VARCHAR'`).join(', ');
  const longest = Math.min(Math.max(usualRow, statSync(file).size), longestRow);
  return `read_csv(${literal(file)}, columns = {${columns}}, auto_detect = false, header = false, delim = ',', quote = '"',
    escape = '"', nullstr = '', allow_quoted_nulls = false, parallel = false, max_line_size = ${longest}, buffer_size = ${longest})`;
}

/** What became of the rows of a table. */
export interface Difference {
  /** SELECT of the places of rows that are gone. */
  readonly gone: string;
  /** SELECT of new rows, with these columns. */
  readonly fresh: string;
  readonly columns: readonly TypedColumn[];
  /** SELECT of the places of rows of which only some columns changed, and of these. */
  readonly moved?: { readonly rows: string; readonly columns: readonly TypedColumn[] };
}

/** The difference between a table that was brought in whole and what it is now. */
export function difference(table: TableName, columns: readonly TypedColumn[], now = qualified(table)): Difference {
  const text = `md5(${canonicalText(columns.map(({ name }) => name))})`;
  // Equal rows are told apart by their number.
  const numbered = (from: string) =>
    `(SELECT *, ${text} AS _jobpulse_text, row_number() OVER (PARTITION BY _jobpulse_text) AS _jobpulse_number FROM ${from})`;
  const without = (from: string, other: string) =>
    `FROM ${numbered(from)} a ANTI JOIN (SELECT _jobpulse_text, _jobpulse_number FROM ${numbered(other)}) b USING (_jobpulse_text, _jobpulse_number)`;
  return {
    gone: `SELECT ${place} ${without(wasOf(table), now)}`,
    fresh: `SELECT * ${without(now, wasOf(table))}`,
    columns,
  };
}

/** Writes a difference into its table. */
export async function applyDifference(
  places: Places,
  table: TableName,
  { gone, fresh, columns, moved }: Difference,
): Promise<void> {
  const { database } = places;
  const target = qualified(table);
  if (moved && (await stage(places, moved.rows, moved.columns))) {
    const set = moved.columns.map(({ name }) => `${identifier(name)} = s.${identifier(name)}`);
    await database.run(`UPDATE ${target} t SET ${set.join(', ')} FROM ${staged} s WHERE t.ctid = s.place`);
  }
  if (await stage(places, gone, [])) {
    await database.run(`DELETE FROM ${target} t USING ${staged} s WHERE t.ctid = s.place`);
  }
  await addRows(places, table, columns, fresh);
}

const staged = 'pg_temp._jobpulse_staged';

/** Puts places of rows, and what they get, beside the table that is to change; false when there are none. */
async function stage(places: Places, rows: string, columns: readonly TypedColumn[]): Promise<boolean> {
  const { database, session, folder } = places;
  const file = join(folder, 'out.csv');
  const isEmpty = !(await writeCsv(
    session,
    `SELECT ${[place, ...columns.map(written)].join(', ')} FROM (${rows})`,
    file,
  ));
  if (isEmpty) return false;
  await database.run(`DROP TABLE IF EXISTS ${staged}`);
  await database.run(
    `CREATE TEMP TABLE _jobpulse_staged (${['place tid', ...columns.map(declared)].join(', ')}) ON COMMIT DROP`,
  );
  await database.copyIn(staged, file);
  return true;
}

/** Adds what a query of DuckDB gives to a table. */
export async function addRows(
  { database, session, folder }: Places,
  table: TableName,
  columns: readonly TypedColumn[],
  rows: string,
): Promise<void> {
  const file = join(folder, 'out.csv');
  if (!(await writeCsv(session, `SELECT ${columns.map(written).join(', ')} FROM (${rows})`, file))) return;
  const names = columns.map(({ name }) => identifier(name)).join(', ');
  await database.copyIn(`${qualified(table)} (${names})`, file);
}

/** Writes what a query gives; whether that is anything. */
async function writeCsv(session: Session, query: string, file: string): Promise<boolean> {
  await session.run(`COPY (${query}) TO ${literal(file)} (FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR '')`);
  return statSync(file).size > 0;
}
