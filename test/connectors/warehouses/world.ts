import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { Load, Model } from '../../../src/api/index.ts';
import { identifier, literal, type Row, rows } from '../../../src/connectors/duckdb.ts';
import { type DuckDBWarehouseOptions, openDuckDBWarehouse } from '../../../src/connectors/warehouses/duckdb.ts';
import type { LoadSlice, TableSpec, Warehouse } from '../../../src/connectors/warehouses/warehouse.ts';
import { sliceName } from '../../../src/lake/layout.ts';

/** A posting of a made-up source; `undefined` members become NULL. */
export interface Posting {
  readonly id: number | null;
  readonly title?: string | undefined;
  readonly pay?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly rank?: number | undefined;
  readonly seen_at?: string | undefined;
  readonly gone?: boolean | undefined;
}

export interface Given {
  readonly day: number;
  /** Of a window: the days it is about, the second one not included. */
  readonly window?: readonly [from: number, to: number];
  readonly rows: readonly Posting[];
  /** Keys at the source beside those of the rows; null = unreadable. */
  readonly alsoSeen?: readonly (number | null)[];
  readonly params?: string;
  readonly total?: number;
  readonly incomplete?: string;
  /** Number of files the rows are spread over. */
  readonly files?: number;
  /** Folder below `clean/`, as partitions have. */
  readonly folder?: string;
}

const types = {
  id: 'BIGINT',
  title: 'VARCHAR',
  pay: 'DECIMAL(12,2)',
  tags: 'VARCHAR[]',
  rank: 'DOUBLE',
  seen_at: 'TIMESTAMP',
  gone: 'BOOLEAN',
};
export type ColumnName = keyof typeof types;

export const postings: TableSpec = {
  schema: 'usajobs',
  name: 'postings',
  columns: [
    { name: 'id', type: 'bigint', comment: '$.Id' },
    { name: 'title', type: 'string' },
    { name: 'pay', type: 'decimal(12,2)', comment: 'Pay "from"; it\'s a decimal' },
    { name: 'tags', type: 'list<string>' },
    { name: 'rank', type: 'double' },
    { name: 'seen_at', type: 'timestamp' },
  ],
  key: ['id'],
  load: { mode: 'Merge', onMissing: 'Mark', maxMissingPercent: 100, ignoreChanges: ['rank'] },
  timeZone: 'America/Chicago',
  keepReplacedMs: 7 * 24 * 3_600_000,
};

export const table = (load: Partial<Load> = {}, more: Partial<TableSpec> = {}): TableSpec => ({
  ...postings,
  ...more,
  load: { ...postings.load, ...load },
});

/** 02:00 UTC, which in Chicago is still the day before. */
export const asOf = (day: number): string => `2026-11-${String(day).padStart(2, '0')}T02:00:00.000Z`;

/** Another program that has the warehouse open while this one works. */
export interface Reader {
  read(sql: string): Promise<Row[]>;
  close(): Promise<void>;
}

/** A folder with a lake, a warehouse file and what tests do with them; other warehouses are classes of their own. */
export class World {
  /** What a model that is a view is here. */
  readonly view: 'VIEW' | 'BASE TABLE' = 'VIEW';
  readonly folder = mkdtempSync(join(tmpdir(), 'jobpulse-warehouse-'));
  readonly lake = join(this.folder, 'lake');
  readonly scratch = join(this.folder, 'scratch');
  readonly path = join(this.folder, 'warehouse.duckdb');
  readonly signal = new AbortController().signal;
  #warehouse: Promise<Warehouse> | undefined;
  #files = 0;
  #keys = 0;

  constructor() {
    mkdirSync(this.lake);
    mkdirSync(this.scratch);
  }

  warehouse(options: Partial<DuckDBWarehouseOptions> = {}): Promise<Warehouse> {
    this.#warehouse ??= this.open(options).catch((error: unknown) => {
      this.#warehouse = undefined;
      throw error;
    });
    return this.#warehouse;
  }

  protected open(options: Partial<DuckDBWarehouseOptions>): Promise<Warehouse> {
    const { path, lake, scratch } = this;
    return openDuckDBWarehouse({ path, lake, scratch, memory: '500MB', ...options });
  }

  /** Writes the files of a snapshot. */
  async slice({
    day,
    rows: given,
    alsoSeen = [],
    files = 1,
    folder = '',
    params = 'aaaa',
    window,
    ...more
  }: Given): Promise<LoadSlice> {
    const about = { asOf: asOf(day), params, ...(window && { start: asOf(window[0]), end: asOf(window[1]) }) };
    const batches = Array.from({ length: files }, (_, at) => given.filter((_row, index) => index % files === at));
    const paths: string[] = [];
    for (const batch of batches) paths.push(await this.#write(selectOf(batch, day, sliceName(about)), folder));
    const keys = [...given.map(({ id }) => id), ...alsoSeen].map((id) => (id === null ? 'NULL' : `'["${id}"]'`));
    const seen = keys.length === 0 ? `SELECT NULL::VARCHAR AS _key WHERE false` : `SELECT unnest([${keys}]) AS _key`;
    return { ...about, files: paths, seen: [await this.#write(seen)], ...more };
  }

  /** A large snapshot: rows with the ids `[from, to)` and a text that does not compress. */
  async manyRows(day: number, from: number, to: number): Promise<LoadSlice> {
    const title = ['a', 'b', 'c'].map((salt) => `md5('${salt}' || range)`).join(' || ');
    const files = [await this.#write(`SELECT range AS id, ${title} AS title FROM range(${from}, ${to})`)];
    return { ...(await this.slice({ day, rows: [] })), files };
  }

  async #write(query: string, folder = ''): Promise<string> {
    const path = join('clean', folder, `${this.#files++}.parquet`);
    mkdirSync(join(this.lake, 'clean', folder), { recursive: true });
    await inMemory((connection) =>
      connection.run(`COPY (${query}) TO ${literal(join(this.lake, path))} (FORMAT parquet)`),
    );
    return path;
  }

  /** Loads snapshots; each call is another step unless it is given a key. */
  async load(slices: readonly LoadSlice[], { rebuild = false, key = `key-${this.#keys++}`, spec = postings } = {}) {
    const locate = async (paths: readonly string[]) => paths.map((path) => ({ path: join(this.lake, path) }));
    return (await this.warehouse()).load({ key, table: spec, slices, rebuild, locate }, this.signal);
  }

  async give(given: Given, spec: TableSpec = postings) {
    return this.load([await this.slice(given)], { spec });
  }

  async build(model: Partial<Model>, tables: readonly string[] = ['postings']) {
    const request = { model: { ...openings, ...model }, schema: 'usajobs', tables };
    return (await this.warehouse()).buildModel(request, this.signal);
  }

  /** What another program sees that opens the file once it is closed. */
  async read(sql: string, schema = 'main'): Promise<Row[]> {
    await this.close();
    const instance = await DuckDBInstance.create(this.path);
    const connection = await instance.connect();
    try {
      await connection.run(`SET TimeZone = 'UTC'; USE warehouse.${identifier(schema)}`);
      return await rows(connection, sql);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  /** Changes something by hand. */
  async change(sql: string): Promise<void> {
    await this.read(sql);
  }

  /** The file is open in this process: a second connection reads what is committed, as another session of a server would. */
  async reader(): Promise<Reader> {
    const connection = await (await DuckDBInstance.fromCache(this.path)).connect();
    await connection.run('USE warehouse');
    return { read: (sql) => rows(connection, sql), close: async () => connection.closeSync() };
  }

  async close(): Promise<void> {
    await (await this.#warehouse)?.close();
    this.#warehouse = undefined;
  }

  async remove(): Promise<void> {
    await this.close();
    rmSync(this.folder, { recursive: true });
  }
}

export const openings: Model = {
  name: 'openings',
  materialize: 'View',
  sql: 'SELECT id, title, pay FROM postings WHERE _removed_at IS NULL ORDER BY pay DESC, id',
  columns: [],
  checks: [],
};

async function inMemory<Result>(work: (connection: Awaited<ReturnType<DuckDBInstance['connect']>>) => Promise<Result>) {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function selectOf(batch: readonly Posting[], day: number, slice: string): string {
  const provenance = `${literal(asOf(day))}::TIMESTAMP AS _as_of, 'run-${day}' AS _run_id, ${literal(slice)} AS _slice`;
  const columns = Object.entries(types) as [ColumnName, string][];
  const value = (row: Posting, name: ColumnName) => {
    const found = row[name];
    if (found === undefined || found === null) return 'NULL';
    return Array.isArray(found) ? `[${found.map((item) => literal(String(item))).join(', ')}]` : literal(String(found));
  };
  const lines = batch.map((row) =>
    columns.map(([name, type]) => `CAST(${value(row, name)} AS ${type}) AS ${identifier(name)}`),
  );
  const none = columns.map(([name, type]) => `CAST(NULL AS ${type}) AS ${identifier(name)}`);
  const own = (row: number) =>
    `'https://source.test/${day}' AS _source_uri, ${row}::BIGINT AS _source_row, 'c0ffee' AS _payload_sha256, TIMESTAMP '2026-11-30' AS _extracted_at, ${provenance}`;
  const selects = lines.map((line, row) => `SELECT ${line.join(', ')}, ${own(row)}`);
  return selects.length > 0 ? selects.join(' UNION ALL ') : `SELECT ${none.join(', ')}, ${own(0)} WHERE false`;
}
