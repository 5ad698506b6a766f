import type { LoadLedger, Notice } from '../../../run/types.ts';
import { literal } from '../../duckdb.ts';
import { type LoadOutcome, type LoadRequest, type LoadSlice, placeOf, type TableSpec } from '../warehouse.ts';
import type { Session } from './session.ts';

/** What the warehouse remembers beside the tables, written in the same transaction as they are. */
export const bookkeeping = [
  'CREATE SCHEMA IF NOT EXISTS _jobpulse',
  // The answer to each load, for whoever asks again under its key.
  `CREATE TABLE IF NOT EXISTS _jobpulse.loads (
    key VARCHAR PRIMARY KEY, table_name VARCHAR, counts JSON, row_count BIGINT, rows_hash VARCHAR, notices JSON, "at" TIMESTAMP)`,
  // Which snapshots a table is made of and where their files are, so that one that comes late finds its place.
  'CREATE TABLE IF NOT EXISTS _jobpulse.slices (table_name VARCHAR, as_of VARCHAR, slice JSON)',
  // Tables that others took the place of and that are kept for a while.
  'CREATE TABLE IF NOT EXISTS _jobpulse.replaced (schema_name VARCHAR, kept_as VARCHAR, replaced_at TIMESTAMP)',
  // What an incremental model was made by and from.
  'CREATE TABLE IF NOT EXISTS _jobpulse.models (model VARCHAR, digest VARCHAR)',
  'CREATE TABLE IF NOT EXISTS _jobpulse.inputs (model VARCHAR, input VARCHAR, key VARCHAR, hash VARCHAR)',
];

const nameOf = ({ schema, name }: TableSpec): string => literal(`${schema}.${name}`);

/** The answer this load was given before, if it was. */
export async function storedOutcome(session: Session, { key }: LoadRequest): Promise<LoadOutcome | undefined> {
  const [stored] = await session.rows(
    `SELECT counts, row_count, rows_hash, notices FROM _jobpulse.loads WHERE key = ${literal(key)}`,
  );
  if (!stored) return undefined;
  return {
    ledger: JSON.parse(String(stored.counts)) as LoadLedger,
    rows: Number(stored.row_count),
    rowsHash: String(stored.rows_hash),
    notices: JSON.parse(String(stored.notices)) as Notice[],
  };
}

/** Keeps the answer of a load, in place of an earlier one. */
export async function storeOutcome(
  session: Session,
  { key, table }: LoadRequest,
  { ledger, rows, rowsHash, notices }: LoadOutcome,
): Promise<void> {
  const json = (value: unknown) => literal(JSON.stringify(value));
  await session.run(
    `INSERT OR REPLACE INTO _jobpulse.loads VALUES (${literal(key)}, ${nameOf(table)}, ${json(ledger)}, ${rows}, ${literal(rowsHash)},
       ${json(notices)}, now() AT TIME ZONE 'UTC')`,
  );
}

/** The snapshots a table is made of, oldest first. */
export async function knownSlices(session: Session, table: TableSpec): Promise<LoadSlice[]> {
  const known = await session.rows(
    `SELECT slice FROM _jobpulse.slices WHERE table_name = ${nameOf(table)} ORDER BY as_of`,
  );
  return known.map(({ slice }) => JSON.parse(String(slice)) as LoadSlice);
}

/** Keeps the snapshots a load brought: in place of all that were known, or beside them. */
export async function rememberSlices(session: Session, { table, slices, rebuild }: LoadRequest): Promise<void> {
  const given = slices.map((slice) => literal(placeOf(slice)));
  const replaced = rebuild ? '' : `AND as_of IN (${given.join(', ')})`;
  await session.run(`DELETE FROM _jobpulse.slices WHERE table_name = ${nameOf(table)} ${replaced}`);
  const values = slices.map(
    (slice) => `(${nameOf(table)}, ${literal(placeOf(slice))}, ${literal(JSON.stringify(slice))})`,
  );
  await session.run(`INSERT INTO _jobpulse.slices VALUES ${values.join(', ')}`);
}
