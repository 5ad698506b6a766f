import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { TerminalError } from '../../run/errors.ts';
import { sha256 } from '../../run/key.ts';
import type { Store } from './store.ts';

/** How much of an object is in memory at a time. */
const chunkBytes = 16 * 2 ** 20;

/**
 * A file on this machine with the bytes of an object, for DuckDB to read: the object itself where the store has it
 * here, else a copy in `folder`. `undefined` when a store elsewhere has no such object.
 */
export async function localFile(store: Store, path: string, folder: string): Promise<string | undefined> {
  if (store.localPath) return store.localPath(path);
  const file = join(folder, fileName(path));
  const found = await (store.download?.(path, file) ?? download(store, path, file));
  return found ? file : undefined;
}

/** A name for a copy of an object; what is read by DuckDB needs its extension. */
export const fileName = (path: string): string => `${sha256(path).slice(0, 32)}${extname(path)}`;

/** Copies an object into a file, chunk by chunk; the file gets its name when it is whole. */
export async function download(store: Store, path: string, file: string): Promise<boolean> {
  const unfinished = `${file}.${randomUUID()}.part`;
  const handle = await open(unfinished, 'w');
  try {
    for (let at = 0, last = false; !last; at += chunkBytes) {
      const bytes = await store.range(path, at, at + chunkBytes);
      await handle.writeFile(bytes);
      last = bytes.length < chunkBytes;
    }
    await rename(unfinished, file);
    return true;
  } catch (error) {
    await rm(unfinished, { force: true });
    if (error instanceof TerminalError && error.reason === 'ObjectMissing') return false;
    throw error;
  } finally {
    await handle.close();
  }
}
