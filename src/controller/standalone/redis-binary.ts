import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** A Redis server program that runs on this machine. */
export interface RedisBinary {
  readonly path: string;
  /** Folders with the shared libraries that came with it; empty when the system has them. */
  readonly libraries: readonly string[];
  /** First line of `--version`. */
  readonly version: string;
}

const names = ['redis-server', 'valkey-server'];

/** Where package managers put servers that are not in everybody's PATH. */
const usualFolders = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/opt/homebrew/bin',
  '/opt/local/bin',
  '/home/linuxbrew/.linuxbrew/bin',
];

/** The folders to look for a server in: PATH, then the usual ones. */
export const defaultSearchPath = (env: NodeJS.ProcessEnv = process.env): readonly string[] => [
  ...new Set([...(env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/')), ...usualFolders]),
];

/** The first server in these folders that really starts. */
export async function findRedis(searchPath: readonly string[]): Promise<RedisBinary | undefined> {
  for (const name of names) {
    for (const folder of searchPath) {
      const binary = await tryRedis(join(folder, name), []);
      if (binary) return binary;
    }
  }
  return undefined;
}

/** A server program, if it is there and all its libraries are. */
export async function tryRedis(path: string, libraries: readonly string[]): Promise<RedisBinary | undefined> {
  if (!existsSync(path)) return undefined; // a process costs far more than a look
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], {
      env: redisEnvironment(libraries),
      timeout: 10_000,
    });
    return { path, libraries, version: stdout.split('\n')[0] ?? '' };
  } catch {
    return undefined;
  }
}

/** A server gets nothing of our environment: it may hold secrets, and a locale it does not know stops it. */
export const redisEnvironment = (libraries: readonly string[]): NodeJS.ProcessEnv => ({
  LC_ALL: 'C',
  PATH: '/usr/bin:/bin',
  ...(libraries.length > 0 && { LD_LIBRARY_PATH: libraries.join(delimiter) }),
});
