import type { DuckDBConnection } from '@duckdb/node-api';
import { interruptible, type Row, row, rows } from '../../duckdb.ts';

/** The statements of one transaction. None starts once the work is aborted. */
export interface Session {
  run(sql: string): Promise<void>;
  row(sql: string): Promise<Row>;
  rows(sql: string): Promise<Row[]>;
}

/** Does all of the work or nothing. An abort interrupts the running statement; the commit itself is never interrupted. */
export async function transaction<Result>(
  connection: DuckDBConnection,
  signal: AbortSignal,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  await connection.run('BEGIN TRANSACTION');
  try {
    const result = await interruptible(connection, signal, () => work(session(connection, signal)));
    signal.throwIfAborted();
    await connection.run('COMMIT');
    return result;
  } catch (error) {
    // There is nothing left to roll back when it was the commit that failed.
    await connection.run('ROLLBACK').catch(() => undefined);
    throw signal.aborted ? signal.reason : error;
  }
}

const session = (connection: DuckDBConnection, signal: AbortSignal): Session => ({
  run: async (sql) => {
    signal.throwIfAborted();
    await connection.run(sql);
  },
  row: async (sql) => {
    signal.throwIfAborted();
    return row(connection, sql);
  },
  rows: async (sql) => {
    signal.throwIfAborted();
    return rows(connection, sql);
  },
});
