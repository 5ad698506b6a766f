import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pipeline } from '../../api/index.ts';
import { sha256 } from '../../run/key.ts';
import { urlOf } from '../../run/specs.ts';
import type { ReadSecret } from '../../workers/stage.ts';

const warehousePath = (dataDir: string) => join(dataDir, 'warehouse.duckdb');
const warehouseRecord = (dataDir: string) => join(dataDir, 'warehouse.id');

/**
 * Identity of a data directory's warehouse file: part of each load's key, because a new file has none of the rows yet.
 * `new` when there is no file: what was loaded into one that is gone (deleted, another disk) must be loaded again.
 */
export const knownWarehouse = (dataDir: string): string =>
  (existsSync(warehousePath(dataDir)) && readRecord(warehouseRecord(dataDir))) || 'new';

/** The warehouse file of a data directory and its identity, given to it when it has none. For the owner only. */
export function warehouseFile(dataDir: string): { readonly path: string; readonly identity: string } {
  const known = knownWarehouse(dataDir);
  const identity = known === 'new' ? newRecord(warehouseRecord(dataDir)) : known;
  return { path: warehousePath(dataDir), identity };
}

/**
 * Identity of the server that the tables of a pipeline are in, if they are in one: of the database, whoever asks for it.
 * Without the secret it is `unknown`, and the first step that needs the secret says so.
 */
export function serverIdentity(pipeline: Pick<Pipeline, 'spec'>, secret: ReadSecret): string | undefined {
  const ref = urlOf(pipeline);
  if (!ref) return undefined;
  try {
    const { hostname, port, pathname } = new URL(secret(ref) ?? '');
    return `postgres:${sha256(`${hostname}:${port || 5432}${pathname}`).slice(0, 16)}`;
  } catch {
    return 'postgres:unknown';
  }
}

/** Name of this data directory among those that may share a lake. For the owner only. */
export function installationId(dataDir: string): string {
  const record = join(dataDir, 'installation.id');
  return readRecord(record) ?? newRecord(record);
}

const readRecord = (path: string): string | undefined =>
  existsSync(path) ? readFileSync(path, 'utf8').trim() || undefined : undefined;

function newRecord(path: string): string {
  const identity = randomUUID();
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `${identity}\n`);
  return identity;
}
