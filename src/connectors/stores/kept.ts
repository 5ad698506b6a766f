import { link, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { download, fileName } from './local.ts';
import type { Store } from './store.ts';

/** Files named after their content: whoever has one need never ask for it again. */
const namedAfterContent = /(?:^|\/)[0-9a-f]{16}\.parquet$/;
/** Whatever is younger may be under way in another process. */
const orphanAgeMs = 24 * 3_600_000;

/**
 * A store whose downloads are kept in a folder of this machine, where their names say what is in them: a load that goes
 * over all of history again reads it from there. Up to `maxBytes`; what was not used for longest goes. Who asked has a
 * link of his own, in a folder on the same filesystem, so nothing is taken from under a step.
 */
export function keptDownloads(store: Store, folder: string, maxBytes: number): Store {
  const coming = new Map<string, Promise<boolean>>();
  let opened: Promise<Kept> | undefined;

  async function bring(path: string, copy: string, kept: Kept): Promise<boolean> {
    if (kept.use(copy)) return true;
    if (!(await download(store, path, join(folder, copy)))) return false;
    await kept.add(copy);
    return true;
  }

  return {
    ...store,
    async download(path, file) {
      if (!namedAfterContent.test(path)) return download(store, path, file);
      opened ??= openKept(folder, maxBytes);
      const kept = await opened;
      const copy = fileName(path);
      const underWay = coming.get(copy) ?? bring(path, copy, kept).finally(() => coming.delete(copy));
      coming.set(copy, underWay);
      if (!(await underWay)) return false;
      if (await linked(join(folder, copy), file)) return true;
      kept.forget(copy);
      return download(store, path, file);
    },
  };
}

/** Which files are kept. */
interface Kept {
  /** Whether a file is here; it is then the last to go. */
  use(name: string): boolean;
  /** Takes notice that a file has gone. */
  forget(name: string): void;
  /** Takes notice of a new file and lets others go. */
  add(name: string): Promise<void>;
}

async function openKept(folder: string, maxBytes: number): Promise<Kept> {
  await mkdir(folder, { recursive: true });
  /** In the order of their last use. */
  const bytesOf = new Map<string, number>(await filesIn(folder));
  let total = [...bytesOf.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    use(name) {
      const bytes = bytesOf.get(name);
      if (bytes === undefined) return false;
      bytesOf.delete(name);
      bytesOf.set(name, bytes);
      const now = new Date();
      utimes(join(folder, name), now, now).catch(() => undefined); // The order for who opens the folder next.
      return true;
    },
    forget(name) {
      total -= bytesOf.get(name) ?? 0;
      bytesOf.delete(name);
    },
    async add(name) {
      const { size } = await stat(join(folder, name));
      bytesOf.set(name, size);
      total += size;
      for (const [oldest, bytes] of bytesOf) {
        if (total <= maxBytes) return;
        bytesOf.delete(oldest);
        total -= bytes;
        await rm(join(folder, oldest), { force: true });
      }
    },
  };
}

/** Files and their sizes, those first that were not used for longest; halves of what a killed process began are removed. */
async function filesIn(folder: string): Promise<(readonly [string, number])[]> {
  const found: { name: string; bytes: number; usedAt: number }[] = [];
  for (const name of await readdir(folder)) {
    const { size, mtimeMs } = await stat(join(folder, name));
    if (!name.endsWith('.part')) found.push({ name, bytes: size, usedAt: mtimeMs });
    else if (Date.now() - mtimeMs > orphanAgeMs) await rm(join(folder, name), { force: true });
  }
  return found.toSorted((a, b) => a.usedAt - b.usedAt).map(({ name, bytes }) => [name, bytes] as const);
}

/** `false` when the file went meanwhile: another one needed its place, or another process shares the folder. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT') return false;
    throw error;
  }
}
