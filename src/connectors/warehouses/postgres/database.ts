import { createReadStream, createWriteStream } from 'node:fs';
import { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from, to } from 'pg-copy-streams';
import type { Row } from '../../duckdb.ts';
import type { Session } from '../duckdb/session.ts';
import { refuseUrl } from './failure.ts';

/** The statements of one transaction of PostgreSQL. Values come as text. */
export interface Database extends Session {
  /** Writes what a query gives into a file, as CSV. */
  copyOut(query: string, file: string): Promise<void>;
  /** Adds the rows of such a file to a table, named with its columns. */
  copyIn(table: string, file: string): Promise<void>;
}

/** How a server is reached, and by what it is known. */
export interface ServerAddress {
  /** `postgres://user:password@host:5432/database`. */
  readonly url: string;
  /** Certificate (PEM) of the authority that vouches for it; absent = what the URL says of TLS. */
  readonly ca?: string | undefined;
}

const connectMs = 15_000;
/** In a transaction that names nothing by a search path and tells times as DuckDB reads them. */
const settings = [
  `SET LOCAL search_path = ''`,
  `SET LOCAL datestyle = 'ISO, YMD'`,
  `SET LOCAL timezone = 'UTC'`,
  `SET LOCAL intervalstyle = 'postgres'`,
  'SET LOCAL extra_float_digits = 1',
  'SET LOCAL standard_conforming_strings = on',
  // Another worker may be about to end its load, a reader its query.
  `SET LOCAL lock_timeout = '5min'`,
  `SET LOCAL statement_timeout = '30min'`,
  // While DuckDB computes, nothing is said here.
  'SET LOCAL idle_in_transaction_session_timeout = 0',
];
/** The server notices that we are gone while it works; older ones do not know how. */
const noticeEnd = `SET client_connection_check_interval = '10s'`;

/**
 * Does all of the work or nothing, over a connection of its own. An abort ends that connection, and with it the
 * statement under way.
 */
export async function transaction<Result>(
  server: ServerAddress,
  signal: AbortSignal,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const refusal = refuseUrl(server.url);
  if (refusal) throw refusal;
  const socket = new Socket();
  const client = new pg.Client({
    ...connectionOf(server),
    application_name: 'jobpulse',
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    stream: () => socket,
    types: { getTypeParser: () => (value: string) => value },
  });
  client.on('error', () => undefined); // the statement under way says so
  const hangUp = () => socket.destroy();
  signal.addEventListener('abort', hangUp);
  try {
    await client.connect();
    await client.query(noticeEnd).catch(() => undefined);
    await client.query(['BEGIN', ...settings].join('; '));
    const result = await work(database(client, signal));
    signal.throwIfAborted();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', hangUp);
    // What is not committed is undone by the server when the connection ends.
    await Promise.race([client.end().catch(() => undefined), new Promise((resolve) => socket.once('close', resolve))]);
    socket.destroy();
  }
}

function connectionOf({ url, ca }: ServerAddress): Pick<pg.ClientConfig, 'connectionString' | 'ssl'> {
  if (ca === undefined) return { connectionString: url };
  // The driver would have what the URL says of TLS take the place of what is given beside it.
  const plain = new URL(url);
  for (const name of [...plain.searchParams.keys()]) if (name.startsWith('ssl')) plain.searchParams.delete(name);
  return { connectionString: plain.href, ssl: { ca } };
}

function database(client: pg.Client, signal: AbortSignal): Database {
  const rows = async (sql: string): Promise<Row[]> => {
    signal.throwIfAborted();
    return (await client.query<Row>(sql)).rows;
  };
  return {
    rows,
    row: async (sql) => {
      const [first] = await rows(sql);
      if (!first) throw new Error(`no row came back from: ${sql.slice(0, 200)}`);
      return first;
    },
    run: async (sql) => {
      await rows(sql);
    },
    copyOut: async (query, file) => {
      signal.throwIfAborted();
      await pipeline(client.query(to(`COPY (${query}) TO STDOUT (FORMAT csv)`)), createWriteStream(file), { signal });
    },
    copyIn: async (table, file) => {
      signal.throwIfAborted();
      await pipeline(createReadStream(file), client.query(from(`COPY ${table} FROM STDIN (FORMAT csv)`)), { signal });
    },
  };
}
