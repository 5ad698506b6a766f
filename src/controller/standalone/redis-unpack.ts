import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { type RedisBinary, tryRedis } from './redis-binary.ts';

/** What to look for, the one that BullMQ is tested with first. */
const products = [
  { server: 'redis-server', packages: ['redis-server', 'redis-tools'] },
  { server: 'valkey-server', packages: ['valkey-server', 'valkey-tools'] },
];

export interface UnpackOptions {
  /** Unpacked servers are kept here, one folder per version, and used by every later start. */
  readonly cacheDir: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** More `-o` settings for apt-get. */
  readonly aptOptions?: readonly string[];
}

/**
 * A Redis from the packages of Debian or Ubuntu, without root and without installing anything: apt-get only downloads
 * the server and the libraries that are missing here, and dpkg-deb only unpacks them into the cache.
 * `undefined` where there is no apt-get, no network or no such package.
 */
export async function unpackRedis(options: UnpackOptions): Promise<RedisBinary | undefined> {
  const root = join(options.cacheDir, 'redis');
  const cached = await findUnpacked(root);
  if (cached) return cached;
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-deb')) return undefined;
  options.log.info(`no Redis on this machine: unpacking the system's package into ${root}, once`);
  await mkdir(root, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(root, '.unpacking-'));
  try {
    const debs = await download(work, options);
    return debs && (await install(root, work, debs, options.signal));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The newest server in the cache that still runs; another release of the system may have broken older ones. */
async function findUnpacked(root: string): Promise<RedisBinary | undefined> {
  const versions = existsSync(root) ? await readdir(root) : [];
  const newestFirst = versions
    .filter((name) => !name.startsWith('.'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const version of newestFirst) {
    const binary = await tryUnpacked(join(root, version));
    if (binary) return binary;
  }
  return undefined;
}

async function tryUnpacked(folder: string): Promise<RedisBinary | undefined> {
  const libraries = await libraryFolders(folder);
  for (const { server } of products) {
    const binary = await tryRedis(join(folder, 'usr/bin', server), libraries);
    if (binary) return binary;
  }
  return undefined;
}

async function libraryFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return [...new Set(entries.filter((entry) => /\.so(\.|$)/.test(entry.name)).map((entry) => entry.parentPath))];
}

/** Paths of the downloaded packages. The machine's package lists may be absent or stale: then fetches lists of its own. */
async function download(work: string, options: UnpackOptions): Promise<string[] | undefined> {
  const archives = join(work, 'archives');
  const lists = join(work, 'lists');
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(join(lists, 'partial'), { recursive: true });
  const ownCache = ['-o', `Dir::Cache=${work}`, '-o', `Dir::Cache::archives=${archives}`];
  const ownLists = [...ownCache, '-o', `Dir::State::lists=${lists}`];
  const found =
    (await downloadAny(ownCache, options)) ||
    ((await aptGet(['update'], ownLists, options)) && (await downloadAny(ownLists, options)));
  if (!found) return undefined;
  return (await readdir(archives)).filter((name) => name.endsWith('.deb')).map((name) => join(archives, name));
}

async function downloadAny(settings: readonly string[], options: UnpackOptions): Promise<boolean> {
  for (const { packages } of products) {
    // --reinstall: a package that is installed but of no use to us is fetched all the same.
    const command = ['install', '--download-only', '--reinstall', '--no-install-recommends', ...packages];
    if (await aptGet(command, settings, options)) return true;
  }
  return false;
}

async function aptGet(
  command: readonly string[],
  settings: readonly string[],
  { log, signal, aptOptions = [] }: UnpackOptions,
): Promise<boolean> {
  const common = ['Debug::NoLocking=1', 'APT::Sandbox::User=root', 'Acquire::Retries=1', 'Acquire::http::Timeout=20'];
  const options = [...common.flatMap((setting) => ['-o', setting]), ...aptOptions, ...settings];
  try {
    await run('/usr/bin/apt-get', ['-q', '-y', ...options, ...command], signal);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    log.debug({ err: error }, `apt-get ${command[0]} failed`);
    return false;
  }
}

async function install(
  root: string,
  work: string,
  debs: readonly string[],
  signal: AbortSignal,
): Promise<RedisBinary | undefined> {
  const folder = join(work, 'unpacked');
  for (const deb of debs.filter(isWanted)) await run('/usr/bin/dpkg-deb', ['-x', deb, folder], signal);
  const server = debs.map(fileName).find((name) => products.some((product) => name.startsWith(`${product.server}_`)));
  if (!server || !(await tryUnpacked(folder))) return undefined;
  const target = join(
    root,
    decodeURIComponent(server)
      .replace(/\.deb$/, '')
      .replaceAll(':', '.'),
  );
  await rename(folder, target).catch(async () => {
    // Somebody was faster, or what is there does not run any more.
    if (await tryUnpacked(target)) return;
    await rm(target, { recursive: true, force: true });
    await rename(folder, target);
  });
  return tryUnpacked(target);
}

/** The C library must be the system's own, because the program is started by the system's own loader. */
const isWanted = (deb: string): boolean => /^(redis|valkey|lib(?!c6|c-))/.test(fileName(deb));

const fileName = (path: string): string => path.slice(dirname(path).length + 1);

const run = (program: string, args: readonly string[], signal: AbortSignal) =>
  promisify(execFile)(program, args, {
    signal,
    timeout: 300_000,
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  });
