import { totalmem } from 'node:os';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Json } from '../run/key.ts';

/** `"name"`, safe in SQL whatever the name holds. */
export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** `'text'`, safe in SQL whatever the text holds. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A list of SQL literals: `['a', 'b']`. */
export const literals = (texts: readonly string[]): string => `[${texts.map(literal).join(', ')}]`;

/** A row as plain JSON: integers beyond 2^53, decimals, dates and timestamps are text. */
export type Row = Readonly<Record<string, Json>>;

/** All rows of a small result. Rows of a dataset never come this way: they stay in DuckDB and Parquet. */
export async function rows(connection: DuckDBConnection, sql: string): Promise<Row[]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowObjectsJson() as Row[];
}

/** The single row of a result. */
export async function row(connection: DuckDBConnection, sql: string): Promise<Row> {
  const [first] = await rows(connection, sql);
  if (!first) throw new Error(`no row came back from: ${sql.slice(0, 200)}`);
  return first;
}

export interface DuckDBLimits {
  /** Folders that queries may read and write; nothing else on the machine or the network is reachable. */
  readonly folders: readonly string[];
  /** For example `1GB`. */
  readonly memory: string;
  readonly threads?: number;
  /** Folder for spilled intermediate results. */
  readonly temporary: string;
}

/** Shuts a fresh instance off from everything but its folders, for good: no later statement can undo it. */
export async function lockDown(connection: DuckDBConnection, limits: DuckDBLimits): Promise<void> {
  await connection.run(`SET memory_limit = ${literal(limits.memory)}`);
  await connection.run(`SET temp_directory = ${literal(limits.temporary)}`);
  if (limits.threads !== undefined) await connection.run(`SET threads = ${limits.threads}`);
  await connection.run(`SET TimeZone = 'UTC'`);
  await connection.run(`SET allowed_directories = ${literals(limits.folders)}`);
  await connection.run('SET enable_external_access = false');
  await connection.run('SET lock_configuration = true');
}

/** Runs work on a connection of its own to a private in-memory database. An abort interrupts the running query. */
export async function withMemoryDatabase<Result>(
  limits: DuckDBLimits,
  signal: AbortSignal,
  work: (connection: DuckDBConnection) => Promise<Result>,
): Promise<Result> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await lockDown(connection, limits);
    return await interruptible(connection, signal, () => work(connection));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Runs queries so that an abort interrupts the one under way; the connection stays usable. */
export async function interruptible<Result>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const interrupt = () => connection.interrupt();
  signal.addEventListener('abort', interrupt);
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', interrupt);
  }
}

/** A quarter of what the machine or the container has, as a limit of a DuckDB. */
export function quarterOfMemory(): string {
  const limit = process.constrainedMemory();
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  return `${Math.max(256, Math.floor(total / 4 / 2 ** 20))}MiB`;
}
