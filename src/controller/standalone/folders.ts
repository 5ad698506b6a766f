import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TerminalError } from '../../run/errors.ts';

/** What fits in `sockaddr_un` on every system (104 bytes on macOS, 108 on Linux) with its final NUL. */
const longestSocketPath = 100;

/** Creates a folder that only its owner may enter, and returns its real path. */
export function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  return realpathSync(path);
}

/**
 * Where a Unix socket of a data directory lies: inside it, or, where the path would be too long for the kernel,
 * in a folder for temporary files that is named after the data directory and closed to everybody else.
 */
export function socketPath(dataDir: string, name: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const real = realpathSync(dataDir);
  const inside = join(real, name);
  return Buffer.byteLength(inside) <= longestSocketPath ? inside : join(shortFolder(real), name);
}

function shortFolder(realDataDir: string): string {
  const name = `jobpulse-${createHash('sha256').update(realDataDir).digest('hex').slice(0, 16)}`;
  const root = Buffer.byteLength(join(tmpdir(), name)) <= longestSocketPath - 20 ? tmpdir() : '/tmp';
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0) {
    throw new TerminalError(
      'DataDirUnusable',
      `${folder} must be a folder that belongs to you alone (mode 0700), because the sockets of ${realDataDir} go there; ` +
        'remove it, or use a --data-dir with a shorter path',
    );
  }
  return folder;
}

/** The folder for what can be fetched again, shared by all data directories: `$XDG_CACHE_HOME/jobpulse`. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const root = env.XDG_CACHE_HOME;
  // The XDG specification asks to ignore relative paths.
  return root?.startsWith('/') ? join(root, 'jobpulse') : resolve(homedir(), '.cache', 'jobpulse');
}
