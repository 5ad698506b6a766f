import { sliceName } from '../../../lake/layout.ts';
import { identifier, literals } from '../../duckdb.ts';
import { type LoadSlice, placeOf, sliceOf, type TableSpec } from '../warehouse.ts';
import { incoming, sameKey } from './incoming.ts';
import { keyOf } from './table.ts';

/**
 * SQL that tells of every incoming row what it does to the table: it is `added`, `modified`, `unchanged` or `superseded`.
 * Several slices are judged at once: each row is compared with what the slices before it made of the table.
 */
export function classified(target: string, table: TableSpec, all: readonly LoadSlice[]): string {
  if (table.load.mode === 'Append') return appended(all);
  return table.load.mode === 'SCD2' ? versions(target, table) : rowPerKey(target, table);
}

/** What is appended stays, until the same window is looked at again. */
function appended(all: readonly LoadSlice[]): string {
  const last = new Set(lastLooks(all));
  const stale = literals(all.filter((slice) => !last.has(slice)).map(placeOf));
  return `SELECT *, CASE WHEN list_contains(${stale}::VARCHAR[], _place) THEN 'superseded' ELSE 'added' END AS _change
    FROM ${incoming}`;
}

/** Of several looks at a window the last one; snapshots are looks at different things. */
export function lastLooks(all: readonly LoadSlice[]): LoadSlice[] {
  const looks = Map.groupBy(all, (slice) => sliceName(sliceOf(slice)));
  return [...looks.values()].map((each) => each.reduce((a, b) => (b.asOf > a.asOf ? b : a)));
}

/** Within a slice the greatest (version, hash) of a key wins; the rest only decides whose provenance is told. */
const winnerFirst = ({ version, load }: TableSpec): string =>
  [
    ...(version === undefined || load.mode === 'SCD2' ? [] : [`${identifier(version)} DESC NULLS LAST`]),
    `_row_hash DESC, ${sourceOrder}`,
  ].join(', ');

/** Of equal rows one must be chosen whose provenance is told, always the same. */
const sourceOrder = '_source_uri, _source_row, _payload_sha256';

/**
 * A row per key: the newest, or the one with the greatest (version, hash). One that went missing and is back begins a
 * new life, whatever its version. A row equal to the one that is there leaves it alone with its provenance and its
 * ignored columns, which thereby tell when it was first seen.
 */
function rowPerKey(target: string, table: TableSpec): string {
  const key = keyOf(table);
  const byVersion = table.version !== undefined && table.load.mode === 'Merge';
  const rank = byVersion ? rankOf(table) : '_row_hash';
  const earlier = `OVER (PARTITION BY ${key}, _place_rank = 1 ORDER BY _place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)`;
  const before = byVersion ? `greatest(max(_rank) ${earlier}, _old)` : `coalesce(last_value(_rank) ${earlier}, _old)`;
  return `WITH ranked AS (
      SELECT *, ${rank} AS _rank,
        row_number() OVER (PARTITION BY ${key}, _place ORDER BY ${winnerFirst(table)}) AS _place_rank FROM ${incoming}),
    standing AS (
      SELECT *, ${rank} AS _rank FROM ${identifier(target)}),
    compared AS (
      SELECT s.*, t._row_hash IS NOT NULL AS _is_known, CASE WHEN NOT (${wentMissing(table, 't')}) THEN t._rank END AS _old
      FROM ranked s LEFT JOIN standing t ON ${sameKey(table, 's', 't')}),
    followed AS (
      SELECT *, ${before} AS _before FROM compared)
    SELECT * EXCLUDE (_rank, _place_rank, _is_known, _old, _before), CASE
      WHEN _place_rank > 1 THEN 'superseded'
      WHEN _before IS NULL AND NOT _is_known THEN 'added'
      WHEN _before IS NULL THEN 'modified'
      WHEN _before = _rank THEN 'unchanged'
      ${byVersion ? `WHEN _before > _rank THEN 'superseded'` : ''}
      ELSE 'modified' END AS _change
    FROM followed`;
}

/** A row without a version is older than all others. */
const rankOf = ({ version = '' }: TableSpec): string =>
  `{'given': ${identifier(version)} IS NOT NULL, 'version': ${identifier(version)}, 'hash': _row_hash}`;

/** Whether a row was marked because a snapshot lacked it, not because its record said that it is gone. */
const wentMissing = ({ load: { tombstone } }: TableSpec, of: string): string =>
  `${of}._removed_at IS NOT NULL${tombstone === undefined ? '' : ` AND NOT coalesce(${of}.${identifier(tombstone)}, false)`}`;

/**
 * A row per key and change. Of what is said about one moment the greatest hash counts where rows have versions, the
 * last look otherwise; what equals the version before it is no change.
 */
function versions(target: string, table: TableSpec): string {
  const key = keyOf(table);
  const moment = `${key}, _from`;
  const decides =
    table.version === undefined
      ? `_turns AND row_number() OVER (PARTITION BY ${moment}, _turns ORDER BY _place DESC) = 1`
      : `row_number() OVER (PARTITION BY ${moment} ORDER BY _row_hash DESC, _place, ${sourceOrder}) = 1`;
  return `WITH ranked AS (
      SELECT *, row_number() OVER (PARTITION BY ${key}, _place ORDER BY ${winnerFirst(table)}) AS _place_rank FROM ${incoming}),
    turning AS (
      SELECT *, _place_rank = 1 AND _row_hash IS DISTINCT FROM
        lag(_row_hash) OVER (PARTITION BY ${moment}, _place_rank = 1 ORDER BY _place) AS _turns FROM ranked),
    deciding AS (
      SELECT *, ${decides} AS _decides FROM turning),
    newest AS (
      SELECT * FROM ${identifier(target)} QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY _valid_from DESC) = 1),
    compared AS (
      SELECT s.*, t._row_hash IS NOT NULL AS _is_known,
        coalesce(lag(s._row_hash) OVER (PARTITION BY ${keyOf(table, 's')}, s._decides ORDER BY s._from),
          CASE WHEN t._is_current THEN t._row_hash END) AS _before
      FROM deciding s LEFT JOIN newest t ON ${sameKey(table, 's', 't')})
    SELECT * EXCLUDE (_place_rank, _turns, _decides, _is_known, _before), CASE
      WHEN NOT _decides THEN 'superseded'
      WHEN _before IS NULL AND NOT _is_known THEN 'added'
      WHEN _before = _row_hash THEN 'unchanged'
      ELSE 'modified' END AS _change
    FROM compared`;
}
