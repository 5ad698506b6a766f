import { canonicalText } from '../../canonical.ts';
import { identifier, literal, literals } from '../../duckdb.ts';
import { sqlType } from '../../sqlTypes.ts';
import { type LoadSlice, type LocalFile, packedFrom, placeOf, type TableSpec } from '../warehouse.ts';
import type { Session } from './session.ts';
import { columnsOf, comparedColumns, dateIn, provenance, timestamp } from './table.ts';

/** A slice whose files are on this machine. */
export interface LocalSlice extends LoadSlice {
  readonly localFiles: readonly LocalFile[];
  readonly localSeen: readonly LocalFile[];
}

/** Rows of the slices that are being applied. */
export const incoming = '_incoming';

/** What an incoming row has beside what the table keeps of it: where its slice stands in the fold, and since when it holds. */
export const helpers = ['_place', '_from'] as const;

/** How many files one statement reads, and of how many files of the lake it takes the rows. */
const filesAtOnce = 200;
const sourcesAtOnce = 5000;

/** Reads slices into `incoming`: all of their rows, or those whose key is in a table. */
export async function bring(
  session: Session,
  table: TableSpec,
  slices: readonly LocalSlice[],
  touched?: string,
): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE ${incoming} AS ${await rowsOf(session, table, [], [])}`);
  const sources = slices.flatMap((slice) => slice.localFiles.map((file) => ({ slice, file })));
  for (const some of together(sources)) {
    const rows = await rowsOf(
      session,
      table,
      [...new Set(some.map(({ file }) => file.path))],
      some.map(({ slice, file }) => sliceRow(table, slice, file)),
    );
    const only = touched === undefined ? '' : `SEMI JOIN ${touched} k ON ${sameKey(table, 's', 'k')}`;
    await session.run(`INSERT INTO ${incoming} SELECT s.* FROM (${rows}) s ${only}`);
  }
}

interface Source {
  readonly slice: LocalSlice;
  readonly file: LocalFile;
}

/** What one statement reads: the rows of a pack as far as possible in one go. */
function together(sources: readonly Source[]): (readonly Source[])[] {
  const byFile = [...Map.groupBy(sources, ({ file }) => file.path).values()];
  const found: { files: number; readonly sources: Source[] }[] = [];
  for (const ofFile of byFile.flatMap((all) => chunks(all, sourcesAtOnce))) {
    const last = found.at(-1);
    if (last && last.files < filesAtOnce && last.sources.length + ofFile.length <= sourcesAtOnce) {
      last.files += 1;
      last.sources.push(...ofFile);
    } else found.push({ files: 1, sources: [...ofFile] });
  }
  return found.map(({ sources }) => sources);
}

const chunks = <Item>(items: readonly Item[], size: number): (readonly Item[])[] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));

export const sameKey = ({ key }: Pick<TableSpec, 'key'>, a: string, b: string): string =>
  key.map((name) => `${a}.${identifier(name)} IS NOT DISTINCT FROM ${b}.${identifier(name)}`).join(' AND ');

/** What rows take from their slice. */
function sliceRow(table: TableSpec, slice: LoadSlice, { path, packedFrom: from = '' }: LocalFile): string {
  const { asOf } = slice;
  const moments = [dateIn(table.timeZone, asOf), timestamp(asOf), timestamp(validFrom(slice))];
  return `(${[literal(path), literal(from), literal(placeOf(slice)), ...moments].join(', ')})`;
}

/** Since when the rows of a slice hold, when they do not say so themselves: a window's rows are known by its end. */
export const validFrom = ({ asOf, end }: Pick<LoadSlice, 'asOf' | 'end'>): string => end ?? asOf;

/** The rows of some files with the types of the table; a declared column that an old file lacks is NULL. */
async function rowsOf(
  session: Session,
  table: TableSpec,
  files: readonly string[],
  slices: readonly string[],
): Promise<string> {
  // A lake folder `posted_on=2026-11` is a month; DuckDB would take it for the value of the column.
  const read = `read_parquet(${literals(files)}, union_by_name = true, hive_partitioning = false, filename = '_file')`;
  const present = files.length > 0 ? (await columnsOf(session, `FROM ${read}`)).map(({ name }) => name) : [];
  const typed = (name: string, type: string) =>
    `CAST(${present.includes(name) ? identifier(name) : 'NULL'} AS ${type}) AS ${identifier(name)}`;
  const declared = table.columns.map(({ name, type }) => [name, sqlType(type)] as const);
  const columns = [...declared, ...provenance].map(([name, type]) => typed(name, type)).join(', ');
  const known =
    files.length > 0 ? `VALUES ${slices.join(', ')}` : 'SELECT NULL, NULL, NULL, NULL, NULL, NULL WHERE false';
  const source = files.length > 0 ? read : '(SELECT NULL AS _file WHERE false)';
  const from = present.includes(packedFrom) ? `coalesce(${packedFrom}, '')` : "''";
  const { version, load } = table;
  const gone = load.tombstone === undefined ? 'false' : `coalesce(${identifier(load.tombstone)}, false)`;
  const since =
    version === undefined || load.mode !== 'SCD2' ? '_known_from' : `coalesce(${identifier(version)}, _known_from)`;
  return `SELECT * EXCLUDE (_transfer_date, _looked_at, _known_from),
      md5(${canonicalText(comparedColumns(table))}) AS _row_hash,
      CASE WHEN ${gone} THEN CAST(_looked_at AS TIMESTAMP) END AS _removed_at,
      CAST(_transfer_date AS DATE) AS transfer_date,
      CAST(${since} AS TIMESTAMP) AS _from
    FROM (SELECT ${columns}, CAST(_place AS VARCHAR) AS _place, _transfer_date, _looked_at, _known_from
          FROM ${source} JOIN (${known}) AS slices(_of, _part_of, _place, _transfer_date, _looked_at, _known_from)
          ON _of = _file AND _part_of = ${from})`;
}
