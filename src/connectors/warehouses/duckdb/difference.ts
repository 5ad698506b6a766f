import type { LoadLedger } from '../../../run/types.ts';
import { canonicalText } from '../../canonical.ts';
import { identifier, literals } from '../../duckdb.ts';
import { type LoadSlice, placeOf, type TableSpec } from '../warehouse.ts';
import { incoming } from './incoming.ts';
import type { Session } from './session.ts';

/** Rows of the slices that a load brings, when it does not simply add them to the table. */
export const arrivals = '_arrivals';

/** Starts a list of what the load brings. */
export const forgetArrivals = (session: Session): Promise<void> =>
  session.run(`CREATE OR REPLACE TEMP TABLE ${arrivals} (id VARCHAR, _row_hash VARCHAR)`);

/** Adds those of the incoming rows that the load brings to the list. */
export const noteArrivals = (session: Session, table: TableSpec, given: readonly LoadSlice[]): Promise<void> =>
  session.run(
    `INSERT INTO ${arrivals} SELECT ${identityOf(table, '_from')}, _row_hash FROM ${incoming}
     WHERE list_contains(${literals(given.map(placeOf))}::VARCHAR[], _place)`,
  );

/**
 * What makes a row the same row: its key; where history is kept, also since when it holds; where rows are only
 * appended, also its content and its snapshot.
 */
function identityOf({ key, load: { mode } }: TableSpec, from: string): string {
  if (mode === 'Append') return canonicalText([...key, '_row_hash', '_slice']);
  return canonicalText(mode === 'SCD2' ? [...key, from] : key);
}

/**
 * What a load did to some rows, told by comparing them with what they were. Every row that came is counted once: for
 * the row that has its identity now, or as superseded.
 */
export async function countDifferences(
  session: Session,
  table: TableSpec,
  old: string | undefined,
  next: string,
): Promise<LoadLedger> {
  // What is added or deleted: where history is kept not the version of a row, but the row.
  const entity = table.load.mode === 'SCD2' ? canonicalText(table.key) : identityOf(table, '_valid_from');
  const rows = (name: string) =>
    `SELECT ${identityOf(table, '_valid_from')} AS id, ${entity} AS entity, _row_hash, _removed_at FROM ${identifier(name)}`;
  const none = 'SELECT NULL AS id, NULL AS entity, NULL AS _row_hash, NULL AS _removed_at WHERE false';
  const came = `SELECT id FROM ${arrivals}`;
  const found = await session.row(
    `WITH old_rows AS (${old === undefined ? none : rows(old)}),
          old AS (SELECT id, any_value(_row_hash) AS _row_hash, any_value(_removed_at) AS _removed_at FROM old_rows GROUP BY id),
          next AS (${rows(next)}),
          compared AS (
            SELECT next.id, next._removed_at IS NOT NULL AND old._removed_at IS NULL AS marked,
              CASE WHEN old.id IS NULL AND next.entity NOT IN (SELECT entity FROM old_rows) THEN 'added'
                   WHEN old.id IS NULL THEN 'modified'
                   WHEN old._row_hash <> next._row_hash OR (old._removed_at IS NOT NULL AND next._removed_at IS NULL) THEN 'modified'
                   WHEN EXISTS (FROM ${arrivals} a WHERE a.id = next.id AND a._row_hash = next._row_hash) THEN 'unchanged'
                   END AS change
            FROM next LEFT JOIN old ON old.id = next.id)
     SELECT count(*) FILTER (WHERE change = 'added' AND id IN (${came})) AS added,
            count(*) FILTER (WHERE change = 'modified' AND id IN (${came})) AS modified,
            count(*) FILTER (WHERE change = 'unchanged') AS unchanged,
            count(*) FILTER (WHERE marked) AS marked,
            (SELECT count(DISTINCT entity) FROM old_rows WHERE entity NOT IN (SELECT entity FROM next)) AS deleted,
            (SELECT count(*) FROM ${arrivals}) AS clean
     FROM compared`,
  );
  const count = (name: string) => Number(found[name]);
  const [clean, added, modified, unchanged] = [count('clean'), count('added'), count('modified'), count('unchanged')];
  const superseded = clean - added - modified - unchanged;
  return { clean, added, modified, unchanged, superseded, marked: count('marked'), deleted: count('deleted') };
}
