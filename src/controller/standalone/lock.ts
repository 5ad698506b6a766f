import { mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TerminalError } from '../../run/errors.ts';

/** The right to write below a data directory. The kernel takes it back when the process ends, however it ends. */
export interface Lock {
  release(): void;
}

const pidFile = (dataDir: string): string => join(dataDir, 'owner.pid');
const sqliteBusy = 5;

/**
 * Takes the lock of a data directory, or returns `undefined` when somebody has it. SQLite's exclusive lock is the one
 * lock of the operating system that Node offers; the database stays empty. Nothing else in the process may open
 * the file: closing it once more would give the lock away.
 */
export function tryLock(dataDir: string): Lock | undefined {
  const path = join(dataDir, 'owner.lock');
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    writeFileSync(pidFile(dataDir), `${process.pid}\n`);
  } catch (error) {
    if (database?.isOpen) database.close();
    if (isBusy(error)) return undefined;
    const cause = error instanceof Error ? error.message : String(error);
    throw new TerminalError(
      'DataDirUnusable',
      `${dataDir} cannot be used (${cause}: ${path}); make it a folder that you may write to, or use another --data-dir`,
    );
  }
  return { release: () => release(dataDir, database) };
}

function release(dataDir: string, database: DatabaseSync): void {
  if (!database.isOpen) return;
  rmSync(pidFile(dataDir), { force: true });
  database.close();
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;

/** Notes that the process which holds the lock is at work. */
export function noteAlive(dataDir: string): void {
  const now = new Date();
  try {
    utimesSync(pidFile(dataDir), now, now);
  } catch {
    // For messages only: a disk that takes nothing is told of elsewhere.
  }
}

/** When a process that held the lock was last at work, if it ended without saying so. */
export const lastAlive = (dataDir: string): Date | undefined =>
  statSync(pidFile(dataDir), { throwIfNoEntry: false })?.mtime;

/** The process that took the lock last, as far as it is known; for messages only. */
export function lockHolder(dataDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile(dataDir), 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
