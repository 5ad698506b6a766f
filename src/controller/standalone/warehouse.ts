import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The embedded warehouse of a data directory. */
export interface WarehouseFile {
  readonly path: string;
  /** Identity of this file: part of each load's key, because a new file has none of the rows yet. */
  readonly identity: string;
}

/** Finds the warehouse file's identity, or gives it one; a file that is gone (deleted, another disk) gets a new one. */
export function warehouseFile(dataDir: string): WarehouseFile {
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, 'warehouse.duckdb');
  const record = join(dataDir, 'warehouse.id');
  if (existsSync(path) && existsSync(record)) return { path, identity: readFileSync(record, 'utf8').trim() };
  const identity = randomUUID();
  writeFileSync(record, `${identity}\n`);
  return { path, identity };
}
