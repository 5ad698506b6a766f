import { identifier, literal } from '../../duckdb.ts';
import { answerTo, loadTable } from '../duckdb/load.ts';
import { columnsOf } from '../duckdb/table.ts';
import type { LoadOutcome, LoadRequest, TableSpec } from '../warehouse.ts';
import { bringLedger, enterSchema, lock, openLedgers, writeLedger } from './ledgers.ts';
import { addRows, applyDifference, bringWas, type Difference, type Places, place, qualified, wasOf } from './mirror.ts';
import { columnsThere, createTable, describeTable, dropTable, renameTable, sameColumns } from './tables.ts';
import type { TypedColumn } from './types.ts';

/**
 * Loads slices as the embedded warehouse does, over a mirror of the table. What rows are told apart by is brought there,
 * never what they hold: no rule of a load asks for that.
 */
export async function load(places: Places, request: LoadRequest): Promise<LoadOutcome> {
  const { database, session } = places;
  const { table } = request;
  await lock(database, table.schema);
  await openLedgers(places);
  const answer = await answerTo(database, request);
  if (answer) return answer;
  await enterSchema(database, table.schema);
  await bringLedger(places, 'slices', `table_name = ${literal(`${table.schema}.${table.name}`)}`);
  await bringLedger(places, 'replaced', `schema_name = ${literal(table.schema)}`);
  await bringLedger(places, 'loads', `key = ${literal(request.key)}`);
  const before = await mirror(places, table);
  const kept = await keptTables(places, table);
  const outcome = await loadTable(session, request);
  await writeTable(places, table, before, kept);
  for (const ledger of ['slices', 'replaced', 'loads'] as const) await writeLedger(places, ledger);
  return outcome;
}

/** Brings the table as it is, if it is there; tells its columns. */
async function mirror(places: Places, table: TableSpec): Promise<readonly TypedColumn[] | undefined> {
  const { database, session } = places;
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${identifier(table.schema)}`);
  const columns = await columnsThere(database, table);
  if (!columns) return undefined;
  // Whoever else writes there waits; who reads does not.
  await database.run(`LOCK TABLE ${qualified(table)} IN SHARE ROW EXCLUSIVE MODE`);
  const telling = tellingRowsApart(table);
  await bringWas(places, table, columns, { only: columns.filter(({ name }) => telling.includes(name)) });
  await session.run(`CREATE TABLE ${qualified(table)} AS FROM ${wasOf(table)}`);
  return columns;
}

/** What becomes of rows that stay. */
const fate = ['_removed_at', '_valid_to', '_is_current'];
const tellingRowsApart = ({ key, version, load: { tombstone } }: TableSpec): readonly string[] => [
  ...[...key, version ?? [], tombstone ?? []].flat(),
  ...['_slice', '_row_hash', 'transfer_date', '_valid_from', ...fate],
];

/** Tables that were kept when others took their place: their names are taken. */
async function keptTables({ database, session }: Places, { schema, name }: TableSpec): Promise<readonly string[]> {
  const there = await database.rows(
    `SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = ${literal(schema)} AND starts_with(tablename, ${literal(`${name}__v`)})`,
  );
  const { known } = await session.row(
    `SELECT coalesce(list(kept_as), []) AS known FROM _jobpulse.replaced WHERE schema_name = ${literal(schema)}`,
  );
  const names = new Set([...there.map(({ tablename }) => tablename), ...(known as string[])].map(String));
  for (const kept of names) await session.run(`CREATE TABLE ${qualified({ schema, name: kept })} (${place} VARCHAR)`);
  return [...names];
}

/** Does in PostgreSQL what became of the table and of the tables that were kept. */
async function writeTable(
  places: Places,
  table: TableSpec,
  before: readonly TypedColumn[] | undefined,
  kept: readonly string[],
): Promise<void> {
  const { database, session } = places;
  const { schema, name } = table;
  const now = await session.rows(
    `SELECT table_name AS name FROM duckdb_tables() WHERE schema_name = ${literal(schema)}`,
  );
  const names = now.map((each) => String(each.name));
  for (const each of kept.filter((old) => !names.includes(old))) await dropTable(database, { schema, name: each });
  const all = await columnsOf(session, `FROM ${qualified(table)}`);
  const columns = all.filter((column) => column.name !== place);
  if (columns.length < all.length) return applyDifference(places, table, changesOf(table, columns));
  const keptAs = names.find((each) => each !== name && !kept.includes(each));
  const rows = `FROM ${qualified(table)}`;
  if (before && keptAs === undefined && sameColumns(before, columns)) {
    // Where the table stays, rights to it, indexes and views of yours stay.
    await database.run(`DELETE FROM ${qualified(table)}`);
    await addRows(places, table, columns, rows);
  } else {
    if (before && keptAs !== undefined) await renameTable(database, table, keptAs);
    else if (before) await dropTable(database, table);
    await createTable(places, table, columns, rows);
  }
  await describeTable(places, table, columns);
}

/** What became of the rows of a table of which only that was brought that tells them apart. */
function changesOf(table: TableSpec, columns: readonly TypedColumn[]): Difference {
  const [was, now] = [wasOf(table), qualified(table)];
  const fates = columns.filter(({ name }) => fate.includes(name));
  const isSame = fates.map(({ name }) => `t.${identifier(name)} IS NOT DISTINCT FROM w.${identifier(name)}`);
  return {
    gone: `SELECT ${place} FROM ${was} ANTI JOIN (SELECT ${place} FROM ${now}) USING (${place})`,
    moved: {
      rows: `SELECT t.* FROM ${now} t JOIN ${was} w ON t.${place} = w.${place} WHERE NOT (${isSame.join(' AND ')})`,
      columns: fates,
    },
    fresh: `SELECT * FROM ${now} WHERE ${place} IS NULL`,
    columns,
  };
}
