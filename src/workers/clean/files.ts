import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clean } from '../../api/index.ts';
import { rowsHash } from '../../connectors/canonical.ts';
import { identifier, literal, row, rows } from '../../connectors/duckdb.ts';
import type { Lake } from '../../lake/lake.ts';
import { layout } from '../../lake/layout.ts';
import { TerminalError } from '../../run/errors.ts';
import { sha256 } from '../../run/key.ts';
import type { FileRef, Partition } from '../../run/types.ts';
import { provenance } from './judge.ts';

/** Where files are made and where they go. */
export interface Destination {
  readonly connection: DuckDBConnection;
  readonly lake: Lake;
  readonly dataset: string;
  readonly scratch: string;
}

/** More folders than any reader of the lake handles well. */
const maxPartitions = 4000;

/** Writes `_clean`, sorted by key, one file for each partition. The same rows always give the same bytes. */
export async function writeClean(
  to: Destination,
  columns: readonly string[],
  key: readonly string[],
  partitionBy: Clean['partitionBy'],
): Promise<Partition[]> {
  const values = partitionBy.map(({ column, unit }) => partitionValue(column, unit));
  const texts = `[${values.join(', ')}]::VARCHAR[]`;
  const found = await rows(
    to.connection,
    `SELECT ${texts} AS parts, count(*)::INTEGER AS rows, ${rowsHash(columns)} AS hash FROM _clean GROUP BY ALL HAVING count(*) > 0 ORDER BY parts LIMIT ${maxPartitions + 1}`,
  );
  refuseTooMany(found.length, partitionBy);
  const selected = [...columns, ...provenance].map(identifier).join(', ');
  const order = [...key.map(identifier), '_file', '_source_row'].join(', ');
  const partitions: Partition[] = [];
  for (const { parts, rows: count, hash } of found) {
    const names = parts as readonly string[];
    const where = names.map((name, at) => `${values[at]} = ${literal(name)}`).join(' AND ') || 'true';
    const sql = `SELECT ${selected} FROM _clean WHERE ${where} ORDER BY ${order}`;
    const folder = partitionBy.map(({ column }, at) => `${column}=${safe(names[at] ?? '')}`).join('/');
    const file = await writeFile(to, sql, (content) => layout.clean(to.dataset, folder, content));
    const entries = partitionBy.map(({ column }, at) => [column, names[at] ?? '']);
    partitions.push({
      values: Object.fromEntries(entries) as Record<string, string>,
      rows: Number(count),
      rowsHash: String(hash),
      files: [{ ...file, rows: Number(count) }],
    });
  }
  return partitions;
}

const formats = { Hour: '%Y-%m-%dT%H', Day: '%Y-%m-%d', Month: '%Y-%m', Year: '%Y' } as const;

/** The name that readers of folders named `column=value` know as NULL. */
const nullPartition = '__HIVE_DEFAULT_PARTITION__';

function partitionValue(column: string, unit: Clean['partitionBy'][number]['unit']): string {
  const value =
    unit === undefined ? `${identifier(column)}::VARCHAR` : `strftime(${identifier(column)}, '${formats[unit]}')`;
  return `coalesce(${value}, '${nullPartition}')`;
}

function refuseTooMany(found: number, partitionBy: Clean['partitionBy']): void {
  if (found <= maxPartitions) return;
  throw new TerminalError(
    'TooManyPartitions',
    `clean.partitionBy (${partitionBy.map(({ column }) => column).join(', ')}) cuts one step into more than ${maxPartitions} files; use a coarser unit or another column`,
  );
}

/** A value as a folder name that every store takes; long ones are cut and told apart by a digest. */
function safe(value: string): string {
  const encoded = encodeURIComponent(value).replace(
    /[!'()*~]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return encoded.length <= 120 ? encoded : `${encoded.slice(0, 100)}-${sha256(value).slice(0, 16)}`;
}

/** DuckDB reads NaN and Infinity in JSON; who reads the quarantine may not, so such a record is kept as a text. */
const strictJson = `CASE WHEN regexp_matches(record, '(?i)(?:^|[\\[:,])-?(?:nan|inf)') THEN to_json(record)::VARCHAR ELSE record END`;

/** Writes rejected records with their reasons, or nothing when there are none. */
export async function writeQuarantine(to: Destination, raw: string): Promise<FileRef[]> {
  const { count } = await row(to.connection, "SELECT count(*)::INTEGER AS count FROM _judged WHERE _fate = 'rejected'");
  if (count === 0) return [];
  const sql = `SELECT _key, ${strictJson} AS record, to_json(_reasons)::VARCHAR AS reasons, ${provenance.join(', ')}
    FROM (SELECT * FROM _judged WHERE _fate = 'rejected') JOIN ${raw} AS _raw USING (_file, _source_row)
    ORDER BY _file, _source_row`;
  const file = await writeFile(to, sql, (content) => layout.quarantine(to.dataset, content));
  return [{ ...file, rows: Number(count) }];
}

/** Writes the keys of all records, whatever became of them; NULL where the key of a record cannot be read. */
export async function writeSeen(to: Destination, read: number): Promise<FileRef[]> {
  const file = await writeFile(to, 'SELECT _key FROM _judged ORDER BY _key', (content) =>
    layout.seen(to.dataset, content),
  );
  return [{ ...file, rows: read }];
}

/** Writes rows into a file of the lake that is named after its content. */
export async function writeFile(
  to: Destination,
  sql: string,
  pathOf: (contentHash: string) => string,
): Promise<FileRef> {
  const local = join(to.scratch, 'out.parquet');
  await to.connection.run(`COPY (${sql}) TO ${literal(local)} (FORMAT parquet, COMPRESSION zstd)`);
  const hash = createHash('sha256');
  await pipeline(createReadStream(local), hash);
  const path = pathOf(hash.digest('hex'));
  await to.lake.store.putIfAbsent(path, { file: local });
  return { path, bytes: (await stat(local)).size };
}
