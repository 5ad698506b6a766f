import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Row, rows } from '../../src/connectors/duckdb.ts';

/** Asks a copy of the warehouse in a folder: one process may have the file. Nobody may be loading. */
export async function queryCopy(warehouse: string, sql: string): Promise<readonly Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-copy-'));
  for (const file of ['warehouse.duckdb', 'warehouse.duckdb.wal']) {
    if (existsSync(join(warehouse, file))) cpSync(join(warehouse, file), join(folder, file));
  }
  const instance = await DuckDBInstance.create(join(folder, 'warehouse.duckdb'));
  const connection = await instance.connect();
  try {
    return await rows(connection, sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(folder, { recursive: true });
  }
}

/** One hash over the rows of a table, whatever their order. */
export async function tableHash(warehouse: string, table: string, key: string): Promise<string> {
  const sql = `SELECT count(*) || ' rows, ' || md5(string_agg(_row_hash, ',' ORDER BY ${key})) AS hash FROM ${table}`;
  return String((await queryCopy(warehouse, sql))[0]?.hash);
}
