import type { LoadLedger } from '../../../run/types.ts';
import { canonicalText } from '../../canonical.ts';
import { identifier } from '../../duckdb.ts';
import type { TableSpec } from '../warehouse.ts';
import type { Session } from './session.ts';
import { changes } from './slice.ts';

/** Rows of the snapshots that a load brings, when it builds the table anew. */
export const arrivals = '_arrivals';

/** Starts a list of what the load brings. */
export const forgetArrivals = (session: Session): Promise<void> =>
  session.run(`CREATE OR REPLACE TEMP TABLE ${arrivals} (id VARCHAR, _row_hash VARCHAR)`);

/** Adds the snapshot that was just applied to what the load brings. */
export const noteArrivals = (session: Session, table: TableSpec): Promise<void> =>
  session.run(`INSERT INTO ${arrivals} SELECT DISTINCT ${identityOf(table)}, _row_hash FROM ${changes}`);

/** What makes a row the same row: its key; where rows are only appended, also its content and its snapshot. */
const identityOf = ({ key, load }: TableSpec): string =>
  canonicalText(load.mode === 'Append' ? [...key, '_row_hash', '_slice'] : key);

/**
 * What a load did to a table that was built anew, told by comparing it with the old one. Every row that came is
 * counted once: for the row of the new table that has its key, or as superseded.
 */
export async function countDifferences(
  session: Session,
  table: TableSpec,
  old: string | undefined,
  next: string,
  clean: number,
): Promise<Omit<LoadLedger, 'clean'>> {
  const rows = (name: string) => `SELECT ${identityOf(table)} AS id, _row_hash, _removed_at FROM ${identifier(name)}`;
  const none = 'SELECT NULL AS id, NULL AS _row_hash, NULL AS _removed_at WHERE false';
  const came = `SELECT id FROM ${arrivals}`;
  const found = await session.row(
    `WITH old AS (SELECT id, any_value(_row_hash) AS _row_hash, any_value(_removed_at) AS _removed_at
                  FROM (${old === undefined ? none : rows(old)}) GROUP BY id),
          next AS (${rows(next)}),
          compared AS (
            SELECT next.id, next._row_hash, next._removed_at IS NOT NULL AND old._removed_at IS NULL AS marked,
              CASE WHEN old.id IS NULL THEN 'added'
                   WHEN old._row_hash <> next._row_hash OR (old._removed_at IS NOT NULL AND next._removed_at IS NULL) THEN 'modified'
                   WHEN EXISTS (FROM ${arrivals} a WHERE a.id = next.id AND a._row_hash = next._row_hash) THEN 'unchanged'
                   END AS change
            FROM next LEFT JOIN old ON old.id = next.id)
     SELECT count(*) FILTER (WHERE change = 'added' AND id IN (${came})) AS added,
            count(*) FILTER (WHERE change = 'modified' AND id IN (${came})) AS modified,
            count(*) FILTER (WHERE change = 'unchanged') AS unchanged,
            count(*) FILTER (WHERE marked) AS marked,
            (SELECT count(*) FROM old ANTI JOIN next ON next.id = old.id) AS deleted
     FROM compared`,
  );
  const count = (name: string) => Number(found[name]);
  const [added, modified, unchanged] = [count('added'), count('modified'), count('unchanged')];
  const superseded = clean - added - modified - unchanged;
  return { added, modified, unchanged, superseded, marked: count('marked'), deleted: count('deleted') };
}
