import type { Notice } from '../../../run/types.ts';
import { canonicalText } from '../../canonical.ts';
import { identifier, literals } from '../../duckdb.ts';
import type { LoadSlice, TableSpec } from '../warehouse.ts';
import type { LocalSlice } from './incoming.ts';
import type { Session } from './session.ts';
import { timestamp } from './table.ts';

/** What became of the rows that a snapshot no longer holds. */
export interface Missing {
  readonly marked: number;
  readonly deleted: number;
  readonly notice?: Notice;
}

/** What a snapshot and its table hold. */
export interface SnapshotFigures {
  /** Rows of the table that are not marked as removed. */
  readonly live: number;
  /** Live rows whose key was not seen. */
  readonly missing: number;
  /** Distinct keys seen. */
  readonly keys: number;
  /** Records whose key could not be read. */
  readonly unreadable: number;
}

/** The keys of the records of the snapshot that is being applied. */
export const seenKeys = '_seen';
export const nothingMissing: Missing = { marked: 0, deleted: 0 };

/** Marks or deletes live rows that are no longer at the source; when that is not certain, does nothing and says why. */
export async function handleMissing(
  session: Session,
  target: string,
  table: TableSpec,
  slice: LocalSlice,
  previous: LoadSlice | undefined,
): Promise<Missing> {
  const { onMissing, mode } = table.load;
  const figures = await look(session, target, table, slice);
  if (figures.missing === 0) return nothingMissing;
  const doubt = whyNot(table, slice, previous, figures);
  if (doubt !== undefined) return { ...nothingMissing, notice: shrank(table, slice, figures, doubt) };
  const where = `${live(table)} AND ${canonicalText(table.key)} NOT IN (SELECT _key FROM ${seenKeys} WHERE _key IS NOT NULL)`;
  if (onMissing === 'Delete') {
    await session.run(`DELETE FROM ${identifier(target)} WHERE ${where}`);
    return { marked: 0, deleted: figures.missing };
  }
  // The row itself did not change: `transfer_date` and provenance stay.
  const at = timestamp(slice.asOf);
  const ends = mode === 'SCD2' ? `, _valid_to = ${at}, _is_current = false` : '';
  await session.run(`UPDATE ${identifier(target)} SET _removed_at = ${at}${ends} WHERE ${where}`);
  return { marked: figures.missing, deleted: 0 };
}

/** The rows that a snapshot can lack. */
const live = ({ load: { mode } }: TableSpec): string => (mode === 'SCD2' ? '_is_current' : '_removed_at IS NULL');

async function look(session: Session, target: string, table: TableSpec, slice: LocalSlice): Promise<SnapshotFigures> {
  const files = `read_parquet(${literals(slice.localSeen.map(({ path }) => path))})`;
  const from = slice.localSeen.length > 0 ? files : '(SELECT CAST(NULL AS VARCHAR) AS _key) WHERE false';
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${seenKeys} AS SELECT _key, count(*) AS records FROM ${from} GROUP BY _key`,
  );
  const seen = await session.row(
    `SELECT count(_key) AS keys, coalesce(sum(records) FILTER (WHERE _key IS NULL), 0) AS unreadable FROM ${seenKeys}`,
  );
  const rows = await session.row(
    `SELECT count(*) AS live, count(*) FILTER (WHERE s._key IS NULL) AS missing
     FROM (SELECT ${canonicalText(table.key)} AS _key FROM ${identifier(target)} WHERE ${live(table)}) t
     LEFT JOIN ${seenKeys} s ON s._key = t._key`,
  );
  return {
    live: Number(rows.live),
    missing: Number(rows.missing),
    keys: Number(seen.keys),
    unreadable: Number(seen.unreadable),
  };
}

/** Why rows that were not seen may still be at the source; nothing when they are gone. */
export function whyNot(
  { load: { maxMissingPercent } }: Pick<TableSpec, 'load'>,
  slice: Pick<LoadSlice, 'params' | 'total' | 'incomplete'>,
  previous: Pick<LoadSlice, 'asOf' | 'params'> | undefined,
  { live, missing, keys, unreadable }: SnapshotFigures,
): string | undefined {
  if (slice.incomplete !== undefined) return slice.incomplete;
  if (previous !== undefined && previous.params !== slice.params) {
    return `the snapshot before it (${previous.asOf}) was asked for with other parameters`;
  }
  if (slice.total !== undefined && slice.total !== keys) {
    return `the source says it holds ${slice.total}, and ${keys} different keys were seen`;
  }
  if (unreadable > 0) return `the key of ${unreadable} records could not be read, so they may be among the missing`;
  if (missing * 100 > maxMissingPercent * live) {
    const share = ((missing * 100) / live).toFixed(1);
    return `${share} % of the rows are missing, more than load.maxMissingPercent (${maxMissingPercent}); raise it if they are really gone`;
  }
  return undefined;
}

const shrank = (table: TableSpec, { asOf }: LoadSlice, { live, missing }: SnapshotFigures, doubt: string): Notice => ({
  reason: 'SnapshotShrank',
  message: `${table.name}: ${missing} of ${live} live rows are not in the snapshot of ${asOf}, but none was ${
    table.load.onMissing === 'Mark' ? 'marked as removed' : 'deleted'
  }: ${doubt}`,
});
