import { existsSync } from 'node:fs';
import { link, rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { registerFunctions } from '../../enrich/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { lockDown, quarterOfMemory } from '../duckdb.ts';
import { inputsByKey, readTables } from './analyse.ts';
import { bookkeeping } from './duckdb/bookkeeping.ts';
import { explain, isFatal } from './duckdb/failure.ts';
import { loadTable } from './duckdb/load.ts';
import { buildModel } from './duckdb/model.ts';
import { type Session, transaction } from './duckdb/session.ts';
import type { Warehouse } from './warehouse.ts';

export interface DuckDBWarehouseOptions {
  /** The database file. */
  readonly path: string;
  /** Folder of the lake, where it is on this machine: loads read its files in place. */
  readonly lake?: string;
  /** Folder for spilled results and for files copied out of a lake elsewhere. */
  readonly scratch: string;
  /** For example `1GB`; absent = a quarter of what the machine or the container has. */
  readonly memory?: string;
  /** How long to wait for another process to let go of the file. */
  readonly lockWaitMs?: number;
}

/**
 * The embedded warehouse: one DuckDB file that this process alone has open.
 * Views may call this project's SQL functions; a view that does needs them wherever the file is opened.
 */
export async function openDuckDBWarehouse(options: DuckDBWarehouseOptions): Promise<Warehouse> {
  let file: OpenFile | undefined = await openFile(options);
  let last: Promise<unknown> = Promise.resolve();

  /** Work is serial: one connection, one transaction at a time. */
  function serially<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  const inTransaction = <Result>(reason: string, where: string, signal: AbortSignal, work: Work<Result>) =>
    serially(async () => {
      file ??= await openFile(options);
      const { connection } = file;
      try {
        return await transaction(connection, signal, (session) => work(session, connection));
      } catch (error) {
        if (isFatal(error)) file = closeFile(file);
        throw explain(error, reason, where);
      }
    });

  return {
    load: (request, signal) =>
      inTransaction('LoadFailed', `load of ${request.table.name}`, signal, (session) => loadTable(session, request)),
    buildModel: (request, signal) =>
      inTransaction('ModelFailed', `model ${request.model.name}`, signal, async (session, connection) => {
        await readTables(connection, request);
        return buildModel(session, request, await inputsByKey(connection, request.model));
      }),
    close: () =>
      serially(async () => {
        // What a failed checkpoint leaves in the write-ahead log is there when the file is opened next.
        await file?.connection.run('CHECKPOINT').catch(() => undefined);
        if (file) file = closeFile(file);
      }),
  };
}

type Work<Result> = (session: Session, connection: DuckDBConnection) => Promise<Result>;

interface OpenFile {
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
}

async function openFile(options: DuckDBWarehouseOptions): Promise<OpenFile> {
  const instance = await openUnlocked(options);
  const connection = await instance.connect();
  try {
    await lockDown(connection, {
      folders: [options.lake ?? [], options.scratch].flat(),
      memory: options.memory ?? quarterOfMemory(),
      temporary: options.scratch,
    });
    await registerFunctions(connection);
    for (const statement of bookkeeping) await connection.run(statement);
    return { instance, connection };
  } catch (error) {
    closeFile({ instance, connection });
    throw error;
  }
}

function closeFile({ connection, instance }: OpenFile): undefined {
  connection.closeSync();
  instance.closeSync();
}

/** Opens the file; while another process has it, tries again for a while: a restarted worker may be just ahead of its predecessor's end. */
async function openUnlocked({ path, lockWaitMs = 10_000 }: DuckDBWarehouseOptions): Promise<DuckDBInstance> {
  const until = Date.now() + lockWaitMs;
  if (!existsSync(path)) await createFile(path);
  for (;;) {
    try {
      // Two instances of one file in one process lose rows silently; the cache makes them one.
      return await DuckDBInstance.fromCache(path);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!message.includes('Could not set lock')) throw error;
      if (Date.now() >= until) throw locked(path, message);
      await setTimeout(250);
    }
  }
}

/** The file gets its name when it is whole: one whose making a full disk cut short could never be opened again. */
async function createFile(path: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.new`;
  try {
    const instance = await DuckDBInstance.create(unfinished);
    instance.closeSync();
    await link(unfinished, path);
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (!isThere) throw explain(error, 'LoadFailed', path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

function locked(path: string, message: string): TerminalError {
  const [, holder = 'another process'] = /held in (.*? \(PID \d+\))/.exec(message) ?? [];
  return new TerminalError(
    'WarehouseLocked',
    `${path} is open in ${holder}; DuckDB lets one process have a file. Close it there (a shell, a notebook, another jobpulse) and run again.`,
  );
}
