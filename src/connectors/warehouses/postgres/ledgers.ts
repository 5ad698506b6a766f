import { identifier, literal } from '../../duckdb.ts';
import { bookkeeping } from '../duckdb/bookkeeping.ts';
import { columnsOf } from '../duckdb/table.ts';
import type { Database } from './database.ts';
import { applyDifference, bringWas, difference, type Places, place, type TableName, wasOf } from './mirror.ts';
import { declared, type TypedColumn } from './types.ts';

/** What the warehouse remembers beside the tables: the same ledgers as in DuckDB, with the same names. */
const schema = '_jobpulse';
type Ledger = 'loads' | 'slices' | 'replaced' | 'models' | 'inputs';
const ledger = (name: Ledger): TableName => ({ schema, name });

/** The columns of our tables as DuckDB has them: PostgreSQL has no word for some of their types. */
const tables = `${schema}.tables`;

/** Makes the ledgers in the scratch DuckDB, and in PostgreSQL those that are not there. */
export async function openLedgers({ database, session }: Places): Promise<void> {
  for (const statement of bookkeeping) await session.run(statement);
  const names = (
    await session.rows(`SELECT table_name AS name FROM duckdb_tables() WHERE schema_name = '${schema}'`)
  ).map(({ name }) => String(name));
  const there = await database.rows(`SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = '${schema}'`);
  const known = there.map(({ tablename }) => String(tablename));
  if ([...names, 'tables'].every((name) => known.includes(name))) return;
  // Two workers may come to a new database at the same time.
  await lock(database, schema);
  await enterSchema(database, schema);
  for (const name of names) {
    const columns = (await columnsOf(session, `FROM ${schema}.${identifier(name)}`)).map(declared);
    const key = name === 'loads' ? ', PRIMARY KEY (key)' : '';
    await database.run(`CREATE TABLE IF NOT EXISTS ${schema}.${identifier(name)} (${columns.join(', ')}${key})`);
  }
  await database.run(`CREATE TABLE IF NOT EXISTS ${tables} (table_name text PRIMARY KEY, columns json NOT NULL)`);
}

/** Waits for others who work on something of this name; they wait for us until the transaction ends. */
export async function lock(database: Database, what: string): Promise<void> {
  await database.run(`SELECT pg_advisory_xact_lock(hashtextextended(${literal(`jobpulse ${what}`)}, 0))`);
}

/** Makes a schema if need be; who may use one need not be allowed to make one. */
export async function enterSchema(database: Database, name: string): Promise<void> {
  const [found] = await database.rows(`SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${literal(name)}`);
  if (!found) await database.run(`CREATE SCHEMA IF NOT EXISTS ${identifier(name)}`);
}

/** Brings the lines of a ledger that are about something. */
export async function bringLedger(places: Places, name: Ledger, where: string): Promise<void> {
  const columns = await columnsOf(places.session, `FROM ${schema}.${name}`);
  await bringWas(places, ledger(name), columns, { where });
  await places.session.run(`INSERT INTO ${schema}.${name} SELECT * EXCLUDE (${place}) FROM ${wasOf(ledger(name))}`);
}

/** Writes back what became of a ledger that was brought. */
export async function writeLedger(places: Places, name: Ledger): Promise<void> {
  const columns = await columnsOf(places.session, `FROM ${schema}.${name}`);
  await applyDifference(places, ledger(name), difference(ledger(name), columns));
}

const keyOf = ({ schema, name }: TableName): string => literal(`${schema}.${name}`);

/** The columns of a table of ours. */
export async function knownColumns(database: Database, table: TableName): Promise<readonly TypedColumn[] | undefined> {
  const [found] = await database.rows(`SELECT columns FROM ${tables} WHERE table_name = ${keyOf(table)}`);
  return found && (JSON.parse(String(found.columns)) as TypedColumn[]);
}

/** Remembers the columns of a table. */
export async function rememberColumns(
  database: Database,
  table: TableName,
  columns: readonly TypedColumn[],
): Promise<void> {
  const json = literal(JSON.stringify(columns.map(({ name, type }) => ({ name, type }))));
  await database.run(
    `INSERT INTO ${tables} VALUES (${keyOf(table)}, ${json}) ON CONFLICT (table_name) DO UPDATE SET columns = excluded.columns`,
  );
}

/** Forgets a table that is no longer there, or has another name now. */
export async function forgetColumns(database: Database, table: TableName, renamed?: TableName): Promise<void> {
  if (renamed)
    await database.run(`UPDATE ${tables} SET table_name = ${keyOf(renamed)} WHERE table_name = ${keyOf(table)}`);
  else await database.run(`DELETE FROM ${tables} WHERE table_name = ${keyOf(table)}`);
}
