import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { registerFunctions } from '../../enrich/index.ts';
import { quarterOfMemory, withMemoryDatabase } from '../duckdb.ts';
import { inputsByKey, readTables } from './analyse.ts';
import { transaction as inDuckDB, type Session } from './duckdb/session.ts';
import { type Database, type ServerAddress, transaction } from './postgres/database.ts';
import { explain } from './postgres/failure.ts';
import { load } from './postgres/load.ts';
import type { Places } from './postgres/mirror.ts';
import { build } from './postgres/model.ts';
import type { Warehouse } from './warehouse.ts';

export interface PostgresWarehouseOptions {
  /** Read anew for each piece of work, so that it may change. */
  readonly server: () => ServerAddress;
  /** Folder of the lake, where it is on this machine: loads read its files in place. */
  readonly lake?: string;
  /** Folder for rows on their way and for files copied out of a lake elsewhere. */
  readonly scratch: string;
  /** For DuckDB, which computes; absent = a quarter of what the machine or the container has. */
  readonly memory?: string;
}

/**
 * A PostgreSQL server. Each piece of work is one transaction of it, over a connection of its own, with a scratch DuckDB
 * that computes: the tables are the same, row hash for row hash, as those of the embedded warehouse.
 */
export function openPostgresWarehouse(options: PostgresWarehouseOptions): Warehouse {
  const underWay = new Set<Promise<unknown>>();

  async function work<Result>(reason: string, where: string, signal: AbortSignal, does: Work<Result>): Promise<Result> {
    const server = options.server();
    const folder = await mkdtemp(join(options.scratch, 'postgres-'));
    try {
      return await inBoth(options, server, folder, signal, does);
    } catch (error) {
      throw signal.aborted ? error : explain(error, reason, where, server.url);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  const track = <Result>(promise: Promise<Result>): Promise<Result> => {
    const done = promise.catch(() => undefined).finally(() => underWay.delete(done));
    underWay.add(done);
    return promise;
  };

  return {
    load: (request, signal) =>
      track(work('LoadFailed', `load of ${request.table.name}`, signal, (places) => load(places, request))),
    buildModel: (request, signal) =>
      track(
        work('ModelFailed', `model ${request.model.name}`, signal, async (places, connection) => {
          const tables = await readTables(connection, request);
          return build(places, request, { tables, inputs: await inputsByKey(connection, request.model) });
        }),
      ),
    close: async () => {
      await Promise.all(underWay);
    },
  };
}

type Work<Result> = (places: Places, connection: DuckDBConnection) => Promise<Result>;

/** Runs work in a transaction of PostgreSQL, with a scratch DuckDB that sees the lake and its own folder only. */
function inBoth<Result>(
  { lake, scratch, memory = quarterOfMemory() }: PostgresWarehouseOptions,
  server: ServerAddress,
  folder: string,
  signal: AbortSignal,
  does: Work<Result>,
): Promise<Result> {
  const limits = { folders: [lake ?? [], scratch].flat(), memory, temporary: folder };
  const compute = (database: Database) =>
    withMemoryDatabase(limits, signal, async (connection) => {
      await registerFunctions(connection);
      return inDuckDB(connection, signal, (session: Session) => does({ database, session, folder }, connection));
    });
  return transaction(server, signal, compute);
}
