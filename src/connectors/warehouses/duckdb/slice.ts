import { sliceName } from '../../../lake/layout.ts';
import type { LoadLedger } from '../../../run/types.ts';
import { canonicalText } from '../../canonical.ts';
import { identifier, literal, literals } from '../../duckdb.ts';
import { sqlType } from '../../sqlTypes.ts';
import type { LoadSlice, TableSpec } from '../warehouse.ts';
import { handleMissing, type Missing } from './missing.ts';
import type { Session } from './session.ts';
import { columnsOf, comparedColumns, dateIn, provenance } from './table.ts';

/** A snapshot whose files are on this machine. */
export interface LocalSlice extends LoadSlice {
  readonly localFiles: readonly string[];
  readonly localSeen: readonly string[];
}

/** What one snapshot did to a table. */
export type Applied = LoadLedger & Pick<Missing, 'notice'>;

/** Rows of the snapshot that is being applied, each with what it does to the table. */
export const changes = '_changes';

/**
 * Applies one snapshot to a table that holds all earlier ones. The state of a table is the fold of this function
 * over its snapshots in the order of their `asOf`, whatever the order in which they came.
 */
export async function applySlice(
  session: Session,
  target: string,
  table: TableSpec,
  slice: LocalSlice,
  previous: LoadSlice | undefined,
): Promise<Applied> {
  await classify(session, target, table, slice);
  const counts = await countChanges(session);
  if (table.load.mode === 'Append') {
    await session.run(`DELETE FROM ${identifier(target)} WHERE _slice = ${literal(sliceName(slice))}`);
    await session.run(`INSERT INTO ${identifier(target)} BY NAME SELECT * EXCLUDE (_change) FROM ${changes}`);
    return { ...counts, marked: 0, deleted: 0 };
  }
  const missing = await handleMissing(session, target, table, slice, previous);
  await merge(session, target, table);
  return { ...counts, ...missing };
}

/** Says of every row of the snapshot whether it is added, modified, unchanged or superseded. */
async function classify(session: Session, target: string, table: TableSpec, slice: LocalSlice): Promise<void> {
  const key = table.key.map(identifier).join(', ');
  const rank = `row_number() OVER (PARTITION BY ${key} ORDER BY ${newestFirst(table)})`;
  const ranked = `SELECT *, ${rank} AS _rank FROM (${await rowsOf(session, table, slice)})`;
  const change = table.load.mode === 'Append' ? `'added'` : changeOf(table);
  const joined = table.load.mode === 'Append' ? '' : `LEFT JOIN ${identifier(target)} t ON ${sameKey(table, 's', 't')}`;
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${changes} AS
     SELECT s.* EXCLUDE (_rank), ${change} AS _change FROM (${ranked}) s ${joined}`,
  );
}

/** Within a snapshot the greatest (version, hash) of a key wins; the rest only decides whose provenance is told. */
const newestFirst = ({ version }: TableSpec): string =>
  [
    ...(version === undefined ? [] : [`${identifier(version)} DESC NULLS LAST`]),
    '_row_hash DESC, _source_uri, _source_row, _payload_sha256',
  ].join(', ');

/**
 * A row that was removed and is back begins a new life, whatever its version. A row equal to the one that is there
 * leaves it alone with its provenance and its ignored columns, which thereby tell when it was first seen.
 */
const changeOf = ({ version }: TableSpec): string => `CASE
  WHEN s._rank > 1 THEN 'superseded'
  WHEN t._row_hash IS NULL THEN 'added'
  WHEN t._removed_at IS NOT NULL THEN 'modified'
  ${version === undefined ? '' : `WHEN ${isOlder(identifier(version))} THEN 'superseded'`}
  WHEN t._row_hash = s._row_hash THEN 'unchanged'
  ELSE 'modified' END`;

const isOlder = (version: string): string =>
  `t.${version} IS NOT NULL AND (s.${version} IS NULL OR s.${version} < t.${version})`;

const sameKey = ({ key }: TableSpec, a: string, b: string): string =>
  key.map((name) => `${a}.${identifier(name)} IS NOT DISTINCT FROM ${b}.${identifier(name)}`).join(' AND ');

/** The rows of a snapshot with the types of the table; a declared column that an old file lacks is NULL. */
async function rowsOf(session: Session, table: TableSpec, slice: LocalSlice): Promise<string> {
  // A lake folder `posted_on=2026-11` is a month; DuckDB would take it for the value of the column.
  const options = 'union_by_name = true, hive_partitioning = false';
  const files = `read_parquet(${literals(slice.localFiles)}, ${options})`;
  const hasFiles = slice.localFiles.length > 0;
  const present = new Set(hasFiles ? (await columnsOf(session, `FROM ${files}`)).map(({ name }) => name) : []);
  const typed = (name: string, type: string) =>
    `CAST(${present.has(name) ? identifier(name) : 'NULL'} AS ${type}) AS ${identifier(name)}`;
  const declared = table.columns.map(({ name, type }) => [name, sqlType(type)] as const);
  const columns = [...declared, ...provenance].map(([name, type]) => typed(name, type));
  return `SELECT *, md5(${canonicalText(comparedColumns(table))}) AS _row_hash,
      CAST(NULL AS TIMESTAMP) AS _removed_at, ${dateIn(table.timeZone, slice.asOf)} AS transfer_date
    FROM (SELECT ${columns.join(', ')} FROM ${hasFiles ? files : '(SELECT 1) WHERE false'})`;
}

async function countChanges(session: Session): Promise<Omit<LoadLedger, 'marked' | 'deleted'>> {
  const of = (change: string) => `count(*) FILTER (WHERE _change = '${change}') AS ${change}`;
  const found = await session.row(
    `SELECT count(*) AS clean, ${['added', 'modified', 'unchanged', 'superseded'].map(of).join(', ')} FROM ${changes}`,
  );
  const count = (name: string) => Number(found[name]);
  return {
    clean: count('clean'),
    added: count('added'),
    modified: count('modified'),
    unchanged: count('unchanged'),
    superseded: count('superseded'),
  };
}

async function merge(session: Session, target: string, table: TableSpec): Promise<void> {
  await session.run(
    `MERGE INTO ${identifier(target)} t
     USING (SELECT * EXCLUDE (_change) FROM ${changes} WHERE _change IN ('added', 'modified')) s
     ON ${sameKey(table, 's', 't')}
     WHEN MATCHED THEN UPDATE BY NAME
     WHEN NOT MATCHED THEN INSERT BY NAME`,
  );
}
