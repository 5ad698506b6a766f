import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const fileOf = (dataDir: string) => join(dataDir, 'warehouse.duckdb');
const recordOf = (dataDir: string) => join(dataDir, 'warehouse.id');

/**
 * Identity of a data directory's warehouse file: part of each load's key, because a new file has none of the rows yet.
 * `new` when there is no file: what was loaded into one that is gone (deleted, another disk) must be loaded again.
 */
export const knownWarehouse = (dataDir: string): string =>
  existsSync(fileOf(dataDir)) && existsSync(recordOf(dataDir)) ? readFileSync(recordOf(dataDir), 'utf8').trim() : 'new';

/** The warehouse file of a data directory and its identity, given to it when it has none. For the owner only. */
export function warehouseFile(dataDir: string): { readonly path: string; readonly identity: string } {
  mkdirSync(dataDir, { recursive: true });
  const known = knownWarehouse(dataDir);
  const identity = known === 'new' ? randomUUID() : known;
  if (identity !== known) writeFileSync(recordOf(dataDir), `${identity}\n`);
  return { path: fileOf(dataDir), identity };
}
