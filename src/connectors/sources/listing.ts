import { glob, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { Lake } from '../../lake/lake.ts';
import { TerminalError, TransientError } from '../../run/errors.ts';

const mostFiles = 100_000;

/** Files below `root` that the globs match, relative to it, sorted, each once. */
export async function findFiles(root: string, patterns: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of patterns) {
    if (isAbsolute(pattern) || pattern.split(/[/\\]/).includes('..')) throw outside(pattern, root);
    let matches = 0;
    for await (const name of glob(pattern, { cwd: root })) {
      if (!(await isFileInside(root, name))) continue;
      matches += 1;
      found.add(name.split(sep).join('/'));
      if (found.size > mostFiles)
        throw new TerminalError('TooManyFiles', `${pattern} matches more than ${mostFiles} files below ${root}`);
    }
    if (matches === 0) {
      throw new TerminalError(
        'NoFiles',
        `no file matches ${JSON.stringify(pattern)} below ${root}: check files.paths and the folder`,
      );
    }
  }
  return [...found].sort();
}

/** Whether there is a file of this name below `root` now. Links are followed, but not out of the root: that is refused. */
export async function isFileInside(root: string, name: string): Promise<boolean> {
  const file = await realpath(join(root, name)).catch(() => undefined);
  if (file === undefined || !(await stat(file)).isFile()) return false;
  const below = relative(await realpath(root), file);
  if (below.split(sep)[0] === '..' || isAbsolute(below)) throw outside(name, root);
  return true;
}

/**
 * What the first attempt at the first part found is what all attempts and parts work through: a file that appears or
 * vanishes meanwhile shifts nothing.
 */
export async function listOnce(lake: Lake, folder: string, find: () => Promise<string[]>): Promise<string[]> {
  const path = `${folder}/listing.json`;
  const listed = await lake.store.get(path);
  if (listed) return JSON.parse(listed.toString('utf8')) as string[];
  const found = await find();
  if ((await lake.store.putIfAbsent(path, Buffer.from(JSON.stringify(found)))) === 'created') return found;
  const adopted = await lake.store.get(path);
  if (!adopted) throw new TransientError(`${path} was removed while it was being read`);
  return JSON.parse(adopted.toString('utf8')) as string[];
}

const outside = (name: string, root: string): TerminalError =>
  new TerminalError(
    'FileOutside',
    `${JSON.stringify(name)} leads out of ${root}: files.paths may only name files below it`,
  );
