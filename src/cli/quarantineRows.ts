import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { literal, literals, row, rows, withMemoryDatabase } from '../connectors/duckdb.ts';
import { localFile } from '../connectors/stores/local.ts';
import { lakeFileMissing } from '../connectors/warehouses/warehouse.ts';
import { newestClean } from '../lake/current.ts';
import { type Lake, listManifests } from '../lake/lake.ts';
import { CliError, exitCodes } from './exit.ts';

/** Which rejected rows to look at. */
export interface QuarantineFilter {
  readonly dataset?: string;
  /** `<rule>:<column>` or only the rule. */
  readonly reason?: string;
  /** Also tell the value that was found. Off by default: a value may be personal data. */
  readonly values?: boolean;
}

/** Rows of the newest slice that one rule rejected, and where the newest of them came from. */
export interface QuarantineGroup {
  readonly dataset: string;
  /** `<rule>:<column>`, as in the run report. */
  readonly reason: string;
  readonly rows: number;
  /** Where the newest sample was read: URI and row. */
  readonly source: string;
  readonly asOf: string;
  /** What the rule found in the sample; only when values were asked for. */
  readonly found?: string;
}

export interface QuarantineExport {
  readonly dataset: string;
  readonly format: 'csv' | 'jsonl' | 'parquet';
  /** File to write; what is there is replaced. */
  readonly out: string;
}

/** Counts the rejected rows of each dataset's newest slice by the first rule they broke, the most frequent first. */
export async function listQuarantine(
  lake: Lake,
  filter: QuarantineFilter = {},
  signal = new AbortController().signal,
): Promise<QuarantineGroup[]> {
  const groups: QuarantineGroup[] = [];
  for (const [dataset, paths] of await quarantineFiles(lake, filter.dataset)) {
    const found = await withFiles(lake, paths, [], signal, (connection, relation) =>
      rows(connection, groupsSql(relation)),
    );
    groups.push(...found.map((each) => toGroup(dataset, each, filter.values ?? false)));
  }
  const wanted = ({ reason }: QuarantineGroup) =>
    filter.reason === undefined || reason === filter.reason || reason.startsWith(`${filter.reason}:`);
  return groups.filter(wanted).toSorted((a, b) => b.rows - a.rows);
}

const groupsSql = (relation: string): string => `
  SELECT reason, count(*)::INTEGER AS rows, max(as_of) AS as_of, arg_max(source, as_of) AS source,
         arg_max(found, as_of) AS found
  FROM (
    SELECT concat_ws(':', json_extract_string(reasons, '$[0].rule'), json_extract_string(reasons, '$[0].column')) AS reason,
           json_extract_string(reasons, '$[0].found') AS found,
           strftime(_as_of::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%gZ') AS as_of,
           concat_ws('#', _source_uri, _source_row) AS source
    FROM ${relation}
  )
  GROUP BY reason ORDER BY rows DESC, reason`;

const toGroup = (dataset: string, group: Awaited<ReturnType<typeof row>>, values: boolean): QuarantineGroup => ({
  dataset,
  reason: String(group.reason),
  rows: Number(group.rows),
  source: String(group.source),
  asOf: String(group.as_of),
  ...(values ? { found: String(group.found) } : {}),
});

/**
 * Writes the rejected rows of a dataset's newest slice to a file, with the records as they were read, the reasons
 * and where they came from. Returns how many there are; when there are none, no file is written.
 */
export async function exportQuarantine(
  lake: Lake,
  { dataset, format, out }: QuarantineExport,
  signal = new AbortController().signal,
): Promise<number> {
  const [entry] = await quarantineFiles(lake, dataset);
  if (!entry) return 0;
  const target = resolve(out);
  const folder = dirname(target);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${basename(target)}.${process.pid}.tmp`);
  try {
    const written = await withFiles(lake, entry[1], [folder], signal, async (connection, relation) => {
      await connection.run(`COPY (${exportSql(relation, format)}) TO ${literal(temporary)} (${copyOptions[format]})`);
      return row(connection, `SELECT count(*)::INTEGER AS rows FROM ${relation}`);
    });
    await rename(temporary, target);
    return Number(written.rows);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** In JSON lines the record and its reasons are JSON, not JSON within text; a record that is no JSON stays text. */
const exportSql = (relation: string, format: QuarantineExport['format']): string => {
  const columns =
    format === 'jsonl'
      ? '* REPLACE (coalesce(TRY_CAST(record AS JSON), to_json(record)) AS record, reasons::JSON AS reasons)'
      : '*';
  return `SELECT ${columns} FROM ${relation} ORDER BY _source_uri, _source_row`;
};

const copyOptions = {
  csv: 'FORMAT csv, HEADER',
  jsonl: 'FORMAT json',
  parquet: 'FORMAT parquet, COMPRESSION zstd',
} as const;

/** Dataset → the quarantine files of its newest slice that retention has left. */
async function quarantineFiles(lake: Lake, dataset?: string): Promise<Map<string, string[]>> {
  const manifests = await listManifests(lake);
  const datasets = new Set(manifests.filter(({ stage }) => stage === 'Clean').map((manifest) => manifest.dataset));
  if (dataset !== undefined && !datasets.has(dataset)) throw unknownDataset(lake, dataset, [...datasets]);
  const there = new Set<string>();
  for await (const { path } of lake.store.list('quarantine')) there.add(path);
  const files = new Map<string, string[]>();
  for (const manifest of newestClean(manifests)) {
    const paths = (manifest.quarantine ?? []).map(({ path }) => path).filter((path) => there.has(path));
    if (paths.length === 0 || (dataset !== undefined && manifest.dataset !== dataset)) continue;
    files.set(manifest.dataset, [...(files.get(manifest.dataset) ?? []), ...paths]);
  }
  return files;
}

const unknownDataset = (lake: Lake, dataset: string, known: readonly string[]): CliError =>
  new CliError(
    exitCodes.invalid,
    `${lake.pipeline} has cleaned no dataset "${dataset}"; ${known.length === 0 ? 'nothing is cleaned yet' : `there are ${known.join(', ')}`}`,
  );

/** Runs work over a relation of all rows in the files, in a database that reaches nothing but them and `writable`. */
async function withFiles<Result>(
  lake: Lake,
  paths: readonly string[],
  writable: readonly string[],
  signal: AbortSignal,
  work: (connection: DuckDBConnection, relation: string) => Promise<Result>,
): Promise<Result> {
  const scratch = await mkdtemp(join(tmpdir(), 'jobpulse-quarantine-'));
  try {
    const files = await localFiles(lake, [...new Set(paths)], scratch);
    const folders = [...new Set([...files.map((file) => dirname(file)), ...writable, scratch])];
    const limits = { folders, memory: '512MB', temporary: scratch };
    const relation = `read_parquet(${literals(files)}, union_by_name = true)`;
    return await withMemoryDatabase(limits, signal, (connection) => work(connection, relation));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Files that DuckDB can read: in place where the store allows it, else as copies. */
async function localFiles(lake: Lake, paths: readonly string[], scratch: string): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const file = await localFile(lake.store, path, scratch);
    if (file === undefined) throw lakeFileMissing(path, 'quarantine');
    files.push(file);
  }
  return files;
}
