import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, open, opendir, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { TerminalError } from '../../run/errors.ts';
import { checkedPath } from './paths.ts';
import type { Store, StoredObject } from './store.ts';

export { prefixed } from './prefixed.ts';

/** Unfinished objects wait here, on the same filesystem as the finished ones, so that `link(2)` can publish them. */
const temporary = '.tmp';
const orphanAgeMs = 24 * 3_600_000;
const statsAtOnce = 32;

/**
 * Objects are files below `root`. An object appears under its name whole or not at all: it is written beside the
 * store, synced, and then linked to its name, which fails if the name is taken.
 */
export function filesystemStore(root: string): Store {
  const base = resolve(root);
  const fileOf = (path: string) => join(base, inside(path));
  let opened: Promise<void> | undefined;

  return {
    async putIfAbsent(path, content) {
      const file = fileOf(path);
      if (await exists(file)) return 'exists';
      try {
        opened ??= sweepOrphans(join(base, temporary));
        await opened;
        return await publish(join(base, temporary, randomUUID()), file, content);
      } catch (error) {
        opened = undefined; // The next put makes sure again that the place for unfinished objects is there.
        throw explained(error, dirname(file));
      }
    },
    async get(path) {
      return absentAsUndefined(readFile(fileOf(path)), path);
    },
    async range(path, start, end) {
      const bytes = await absentAsUndefined(readRange(fileOf(path), start, end), path);
      if (!bytes) throw new TerminalError('ObjectMissing', `${path} is not in ${base}`);
      return bytes;
    },
    async *list(prefix) {
      yield* walk(base, prefix === '' ? '' : inside(prefix));
    },
    async folders(prefix) {
      const entries = await absentAsUndefined(readdir(fileOf(prefix), { withFileTypes: true }), prefix);
      return (entries ?? []).filter((entry) => entry.isDirectory()).map(({ name }) => name);
    },
    async delete(path) {
      await absentAsUndefined(unlink(fileOf(path)), path);
    },
    localPath: fileOf,
  };
}

function inside(path: string): string {
  if (checkedPath(path).split('/')[0] === temporary) {
    throw new TerminalError('PathInvalid', `${JSON.stringify(path)}: ${temporary} is kept for unfinished objects`);
  }
  return path;
}

type Content = Parameters<Store['putIfAbsent']>[1];

async function publish(temp: string, file: string, content: Content): Promise<'created' | 'exists'> {
  try {
    await writeSynced(temp, content);
    return await linkTo(temp, file);
  } finally {
    await absentAsUndefined(unlink(temp), temp);
  }
}

/**
 * Syncs the file, not its folder: after a power cut a name may be missing, and then the step is done again;
 * a name that is there always has all its bytes.
 */
async function writeSynced(temp: string, content: Content): Promise<void> {
  if (!(content instanceof Uint8Array)) {
    await copyFile(content.file, temp, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
  const handle = await open(temp, content instanceof Uint8Array ? 'wx' : 'r+');
  try {
    if (content instanceof Uint8Array) await handle.writeFile(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function linkTo(temp: string, file: string): Promise<'created' | 'exists'> {
  await mkdir(dirname(file), { recursive: true });
  try {
    await link(temp, file);
    return 'created';
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return 'exists';
    throw error;
  }
}

async function readRange(file: string, start: number, end: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const size = Math.max(0, Math.min(end, (await handle.stat()).size) - start);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size), 0, size, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Files below a folder. Whatever vanishes while we look is left out; links and other oddities are no objects. */
async function* walk(base: string, folder: string): AsyncGenerator<StoredObject> {
  const entries = await absentAsUndefined(opendir(join(base, folder)), folder);
  if (!entries) return;
  const folders: string[] = [];
  let files: string[] = [];
  for await (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory() && path !== temporary) folders.push(path);
    if (entry.isFile()) files.push(path);
    if (files.length < statsAtOnce) continue;
    yield* stats(base, files);
    files = [];
  }
  yield* stats(base, files);
  for (const path of folders) yield* walk(base, path);
}

async function* stats(base: string, paths: readonly string[]): AsyncGenerator<StoredObject> {
  const found = await Promise.all(paths.map((path) => absentAsUndefined(stat(join(base, path)), path)));
  for (const [at, path] of paths.entries()) {
    const stats = found[at];
    if (stats) yield { path, bytes: stats.size, modifiedAt: stats.mtime };
  }
}

/** Makes the place for unfinished objects and removes what crashed writers left there long ago. */
async function sweepOrphans(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for await (const entry of await opendir(folder)) {
    const file = join(folder, entry.name);
    const stats = await absentAsUndefined(lstat(file), file);
    if (stats?.isFile() && Date.now() - stats.mtimeMs > orphanAgeMs) await absentAsUndefined(unlink(file), file);
  }
}

const exists = async (file: string): Promise<boolean> => (await absentAsUndefined(stat(file), file)) !== undefined;

/** `undefined` when there is no such file: also when a folder bears its name, or a file stands where a folder should. */
async function absentAsUndefined<Value>(work: Promise<Value>, path: string): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return undefined;
    throw explained(error, path);
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

const full = ['ENOSPC', 'EDQUOT', 'EFBIG'];
const denied = ['EACCES', 'EPERM', 'EROFS', 'ENOTSUP', 'EOPNOTSUPP'];

/** Says which folder, what the system answered and what to do; anything else stays as it is. */
function explained(error: unknown, where: string): unknown {
  const code = codeOf(error);
  if (full.includes(code)) {
    return new TerminalError(
      'StoreFull',
      `no space to write into ${where} (${code}): free some, or choose another data directory. Nothing was left half written.`,
    );
  }
  if (denied.includes(code)) {
    return new TerminalError(
      'StoreDenied',
      `${where} may not be used by this user (${code}): it must be readable, writable and on a filesystem with hard links; change its rights or choose another data directory.`,
    );
  }
  return error;
}
