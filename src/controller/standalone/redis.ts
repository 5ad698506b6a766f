import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { RedisAddress } from '../../queue/connection.ts';
import { TerminalError } from '../../run/errors.ts';
import { privateFolder, socketPath } from './folders.ts';
import { defaultSearchPath, findRedis, type RedisBinary } from './redis-binary.ts';
import { endOrphan, type RedisChild, RedisStartError, startRedis } from './redis-child.ts';
import { checkExternalRedis } from './redis-external.ts';
import { unpackRedis } from './redis-unpack.ts';

export interface RedisOptions {
  /** `REDIS_URL`; empty or absent: a private server. */
  readonly url?: string | undefined;
  readonly dataDir: string;
  /** See `cacheFolder()`. */
  readonly cacheDir: string;
  readonly log: Logger;
  /** Gives up starting; a server that runs is ended by `stop()`. */
  readonly signal: AbortSignal;
  /** Folders to look for a server program in, instead of PATH and the usual ones. */
  readonly searchPath?: readonly string[];
  /** More `-o` settings for apt-get, when a server must be unpacked. */
  readonly aptOptions?: readonly string[];
}

export interface RedisHandle {
  readonly connection: RedisAddress;
  readonly kind: 'external' | 'private';
  /** Called once if the private server ends without having been asked to. */
  onExit(callback: (error: TerminalError) => void): void;
  /** Ends the private server; leaves an external one alone. */
  stop(): Promise<void>;
}

/**
 * A Redis to carry work in flight: the one at `url`, else a private server from this machine's programs,
 * else one unpacked from the system's package. The caller must own the data directory.
 */
export async function provideRedis(options: RedisOptions): Promise<RedisHandle> {
  if (options.url) {
    await checkExternalRedis(options.url, options.log);
    return { connection: { url: options.url }, kind: 'external', onExit: () => undefined, stop: async () => undefined };
  }
  const folder = privateFolder(join(options.dataDir, 'redis'));
  const socket = socketPath(folder, 'redis.sock');
  await endOrphan(folder, socket, options.log);
  const binary = await provideBinary(options);
  const child = await startOverWhatLoads(binary, folder, socket, options);
  return privateHandle(child, socket);
}

async function provideBinary(options: RedisOptions): Promise<RedisBinary> {
  const binary = (await findRedis(options.searchPath ?? defaultSearchPath())) ?? (await unpackRedis(options));
  if (!binary) throw new TerminalError('RedisMissing', `no Redis on this machine: ${howToGetRedis}, or set REDIS_URL`);
  options.log.debug({ path: binary.path }, binary.version);
  return binary;
}

const howToGetRedis =
  process.platform === 'darwin'
    ? 'install one with `brew install redis`'
    : 'install one with `apt-get install redis-server`, `dnf install valkey`, `apk add valkey` or `pacman -S valkey`';

/** Files that cannot be loaded are put aside: Redis only carries work in flight, and what is missing is planned again. */
async function startOverWhatLoads(
  binary: RedisBinary,
  folder: string,
  socket: string,
  { log, signal }: RedisOptions,
): Promise<RedisChild> {
  try {
    return await startRedis(binary, folder, socket, log, signal).catch(async (error: unknown) => {
      if (!(error instanceof RedisStartError) || !isAboutFiles(error)) throw error;
      const aside = await putFilesAside(folder);
      log.warn(`Redis cannot load its files (${error.output.at(-1)}); they are now in ${aside}, work is planned again`);
      return startRedis(binary, folder, socket, log, signal);
    });
  } catch (error) {
    if (!(error instanceof RedisStartError)) throw error;
    throw new TerminalError('RedisFailed', `${error.message}. Its folder is ${folder}, its program ${binary.path}`);
  }
}

const isAboutFiles = (error: RedisStartError): boolean =>
  error.output.some((line) => /append only file|\bAOF\b|\bRDB\b/i.test(line));

async function putFilesAside(folder: string): Promise<string> {
  const aside = join(folder, 'unreadable');
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { mode: 0o700 });
  // The folder of Redis 7 and newer, and the single file of older ones.
  for (const name of ['appendonlydir', 'appendonly.aof']) {
    if (existsSync(join(folder, name))) await rename(join(folder, name), join(aside, name));
  }
  return aside;
}

function privateHandle(child: RedisChild, socket: string): RedisHandle {
  let stopping = false;
  return {
    connection: { path: socket },
    kind: 'private',
    onExit: (callback) => {
      void child.ended.then((lines) => {
        if (stopping) return;
        callback(new TerminalError('RedisFailed', `the private Redis ended: ${lines.slice(-3).join(' | ')}`));
      });
    },
    stop: async () => {
      stopping = true;
      await child.stop();
    },
  };
}
