import type { ColumnSchema } from '../../../run/types.ts';
import { rowsHash } from '../../canonical.ts';
import { identifier, literal } from '../../duckdb.ts';
import { sqlType } from '../../sqlTypes.ts';
import type { TableSpec } from '../warehouse.ts';
import type { Session } from './session.ts';

type TypedName = readonly [name: string, type: string];

/** Where a row came from, as the clean files tell. */
export const provenance: readonly TypedName[] = [
  ['_as_of', 'TIMESTAMP'],
  ['_run_id', 'VARCHAR'],
  ['_slice', 'VARCHAR'],
  ['_source_uri', 'VARCHAR'],
  ['_source_row', 'BIGINT'],
  ['_payload_sha256', 'VARCHAR'],
  ['_extracted_at', 'TIMESTAMP'],
];

/** Since when and until when a version of a row holds, where the history of rows is kept; the end is not part of it. */
const validity: readonly TypedName[] = [
  ['_valid_from', 'TIMESTAMP'],
  ['_valid_to', 'TIMESTAMP'],
  ['_is_current', 'BOOLEAN'],
];

/** What became of a row here. */
const fate: readonly TypedName[] = [
  ['_row_hash', 'VARCHAR'],
  ['_removed_at', 'TIMESTAMP'],
  ['transfer_date', 'DATE'],
];

/** Whether a column of a table is ours: no declared column has such a name. */
export const systemColumn = (name: string): boolean => name.startsWith('_') || name === 'transfer_date';

/** A moment as SQL, in UTC like every timestamp here. */
export const timestamp = (moment: string): string => `TIMESTAMP ${literal(moment.replace('T', ' ').replace('Z', ''))}`;

/** The date of a moment in a time zone, as SQL. */
export const dateIn = (timeZone: string, moment: string): string =>
  `CAST((${timestamp(moment)} AT TIME ZONE 'UTC') AT TIME ZONE ${literal(timeZone)} AS DATE)`;

/** The key as a list in SQL. */
export const keyOf = ({ key }: Pick<TableSpec, 'key'>, of?: string): string =>
  key.map((name) => (of === undefined ? identifier(name) : `${of}.${identifier(name)}`)).join(', ');

/** The declared columns whose change makes a row modified. */
export const comparedColumns = ({ columns, load }: TableSpec): string[] =>
  columns.map(({ name }) => name).filter((name) => !load.ignoreChanges.includes(name));

/** Creates an empty table with the declared columns, ours after them, and the original headers as comments. */
export async function createTable(session: Session, name: string, table: TableSpec): Promise<void> {
  const declared = table.columns.map((column) => [column.name, sqlType(column.type)] as const);
  const ours = [...provenance, ...fate, ...(table.load.mode === 'SCD2' ? validity : [])];
  const columns = [...declared, ...ours].map(([column, type]) => `${identifier(column)} ${type}`);
  await session.run(`CREATE TABLE ${identifier(name)} (${columns.join(', ')})`);
  await commentColumns(session, name, table.columns);
}

/** Writes comments on columns. */
export async function commentColumns(
  session: Session,
  name: string,
  columns: readonly Pick<ColumnSchema, 'name' | 'comment'>[],
): Promise<void> {
  for (const { name: column, comment } of columns) {
    if (comment === undefined) continue;
    await session.run(`COMMENT ON COLUMN ${identifier(name)}.${identifier(column)} IS ${literal(comment)}`);
  }
}

/** Makes a schema, if need be, the one in which names without a schema are looked up from now on. */
export async function enterSchema(session: Session, schema: string): Promise<void> {
  // With the catalog before it: a file `usajobs.duckdb` with a schema `usajobs` makes the bare name ambiguous.
  const { catalog } = await session.row('SELECT current_database() AS catalog');
  const name = `${identifier(String(catalog))}.${identifier(schema)}`;
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${name}`);
  await session.run(`USE ${name}`);
}

/** What a name stands for in the entered schema. */
export async function kindOf(session: Session, name: string): Promise<'TABLE' | 'VIEW' | undefined> {
  const here = 'database_name = current_database() AND schema_name = current_schema()';
  const [found] = await session.rows(
    `SELECT 'TABLE' AS kind FROM duckdb_tables() WHERE ${here} AND table_name = ${literal(name)}
     UNION ALL SELECT 'VIEW' FROM duckdb_views() WHERE ${here} AND view_name = ${literal(name)}`,
  );
  return found && (found.kind as 'TABLE' | 'VIEW');
}

/** Removes whatever has the name. */
export async function dropIfExists(session: Session, name: string): Promise<void> {
  const kind = await kindOf(session, name);
  if (kind !== undefined) await session.run(`DROP ${kind} ${identifier(name)}`);
}

/** Names of the columns that a query gives. */
export async function columnsOf(session: Session, query: string): Promise<{ name: string; type: string }[]> {
  const described = await session.rows(`DESCRIBE ${query}`);
  return described.map((column) => ({ name: String(column.column_name), type: String(column.column_type) }));
}

/** Number and hash of the rows of a table over some columns. */
export async function fingerprint(
  session: Session,
  name: string,
  columns: readonly string[],
): Promise<{ rows: number; rowsHash: string }> {
  const found = await session.row(`SELECT count(*) AS rows, ${rowsHash(columns)} AS hash FROM ${identifier(name)}`);
  return { rows: Number(found.rows), rowsHash: String(found.hash) };
}
