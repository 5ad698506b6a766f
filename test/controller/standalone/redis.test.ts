import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { cacheFolder, socketPath } from '../../../src/controller/standalone/folders.ts';
import { provideRedis, type RedisHandle, type RedisOptions } from '../../../src/controller/standalone/redis.ts';
import { freePort, startTcpRedis } from '../../servers/redis.ts';

const folders: string[] = [];
const handles: RedisHandle[] = [];

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-redis-'));
  folders.push(folder);
  return folder;
}

const logged: string[] = [];
const log = pino({ level: 'info' }, { write: (line) => void logged.push(line) });

async function provide(options: Partial<RedisOptions>): Promise<RedisHandle> {
  const handle = await provideRedis({
    ...{ dataDir: newFolder(), cacheDir: cacheFolder(), log, signal: AbortSignal.timeout(120_000) },
    ...options,
  });
  handles.push(handle);
  return handle;
}

const socketOf = ({ connection }: RedisHandle): string => ('path' in connection ? connection.path : '');

async function withClient<Result>(address: string, work: (client: Redis) => Promise<Result>): Promise<Result> {
  const client = new Redis(address);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

const pidOf = (socket: string): Promise<number> =>
  withClient(socket, async (client) => Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]));

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilDead(pid: number): Promise<void> {
  for (let tries = 0; isAlive(pid) && tries < 1_000; tries++) await sleep(10);
  expect(isAlive(pid)).toBe(false);
}

const failure = (options: Partial<RedisOptions>): Promise<unknown> =>
  provide(options).then(
    () => 'no failure',
    (error: unknown) => error,
  );

afterEach(async () => {
  await Promise.all(handles.splice(0).map((handle) => handle.stop()));
  logged.length = 0;
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('a private server', () => {
  test('keeps what it is given, drops nothing, has no TCP port and is closed to others', async () => {
    const handle = await provide({});
    const socket = socketOf(handle);
    const settings = await withClient(socket, (client) => client.config('GET', '*'));
    const text = JSON.stringify(settings);
    for (const [name, value] of [
      ['appendonly', 'yes'],
      ['maxmemory-policy', 'noeviction'],
      ['port', '0'],
      ['save', ''],
    ]) {
      expect(text).toMatch(new RegExp(`"${name}"[,:]"${value}"`));
    }
    expect(statSync(join(socket, '..')).mode & 0o777).toBe(0o700);
    expect(statSync(socket).mode & 0o077).toBe(0);
    expect(handle.kind).toBe('private');
  });

  test('ends when asked, without calling that an accident, and keeps its data for the next start', async () => {
    const dataDir = newFolder();
    const first = await provide({ dataDir });
    const accidents: string[] = [];
    first.onExit((error) => accidents.push(error.message));
    const pid = await pidOf(socketOf(first));
    await withClient(socketOf(first), (client) => client.set('kept', 'yes'));
    await first.stop();
    expect(isAlive(pid)).toBe(false);
    const second = await provide({ dataDir });
    expect(await withClient(socketOf(second), (client) => client.get('kept'))).toBe('yes');
    expect(accidents).toEqual([]);
  });

  test('tells when it dies, and can be provided again', async () => {
    const dataDir = newFolder();
    const first = await provide({ dataDir });
    const died = new Promise<Error>((resolve) => first.onExit(resolve));
    process.kill(await pidOf(socketOf(first)), 'SIGKILL');
    expect(await died).toMatchObject({
      reason: 'RedisFailed',
      message: expect.stringContaining('the private Redis ended'),
    });
    expect(await pidOf(socketOf(await provide({ dataDir })))).toBeGreaterThan(0);
  });

  test('has a short socket whatever the data directory is called', async () => {
    const dataDir = join(newFolder(), "a long name, with 'quotes' and spaces ".repeat(4));
    const handle = await provide({ dataDir });
    expect(Buffer.byteLength(socketOf(handle))).toBeLessThanOrEqual(100);
    expect(statSync(join(socketOf(handle), '..')).mode & 0o777).toBe(0o700);
    expect(existsSync(join(dataDir, 'redis', 'redis.pid'))).toBe(true);
    folders.push(join(socketOf(handle), '..'));
  });

  test('does not start when that was given up', async () => {
    expect(await failure({ signal: AbortSignal.abort(new Error('Ctrl-C')) })).toMatchObject({ message: 'Ctrl-C' });
  });
});

describe('kill -9 of the owner', () => {
  async function startOwner(dataDir: string) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'redisProcess.ts'), dataDir]);
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const { path } = JSON.parse(line.toString('utf8')) as { path: string };
    return { child, path, redis: await pidOf(path) };
  }

  test('ends its Redis too, and the next owner finds the data', async () => {
    const dataDir = newFolder();
    const { child, path, redis } = await startOwner(dataDir);
    await withClient(path, (client) => client.set('kept', 'yes'));
    child.kill('SIGKILL');
    await untilDead(redis);
    const next = await provide({ dataDir });
    expect(await withClient(socketOf(next), (client) => client.get('kept'))).toBe('yes');
  });

  test('a Redis that lost its guard too, or hangs, is ended by the next owner', async () => {
    const dataDir = newFolder();
    const { child, redis } = await startOwner(dataDir);
    // Stopped, it neither answers nor obeys SIGTERM, from the guard or from us.
    process.kill(redis, 'SIGSTOP');
    child.kill('SIGKILL');
    const next = await provide({ dataDir });
    await untilDead(redis);
    expect(await pidOf(socketOf(next))).not.toBe(redis);
  });
});

describe('files that Redis finds at its start', () => {
  async function writtenOnce(): Promise<{ dataDir: string; file: string }> {
    const dataDir = newFolder();
    const handle = await provide({ dataDir });
    await withClient(socketOf(handle), async (client) => {
      for (let n = 0; n < 50; n++) await client.set(`key-${n}`, 'value');
    });
    await handle.stop();
    const folder = join(dataDir, 'redis', 'appendonlydir');
    const name = execFileSync('ls', [folder], { encoding: 'utf8' })
      .split('\n')
      .find((each) => each.endsWith('.incr.aof'));
    return { dataDir, file: join(folder, name ?? '') };
  }
  const size = (handle: RedisHandle) => withClient(socketOf(handle), (client) => client.dbsize());

  test('a tail that was cut off costs the last write', async () => {
    const { dataDir, file } = await writtenOnce();
    truncateSync(file, statSync(file).size - 3);
    expect(await size(await provide({ dataDir }))).toBe(49);
    expect(logged).toEqual([]);
  });

  test('what cannot be loaded is put aside with a warning, and Redis starts empty', async () => {
    const { dataDir, file } = await writtenOnce();
    const damaged = readFileSync(file).fill('x', 200, 260);
    writeFileSync(file, damaged);
    expect(await size(await provide({ dataDir }))).toBe(0);
    expect(logged.join()).toContain('cannot load its files');
    expect(readFileSync(file.replace('appendonlydir', join('unreadable', 'appendonlydir')))).toEqual(damaged);
  });
});

describe('REDIS_URL', () => {
  test('is used as it is, with a warning when that Redis may drop work', async () => {
    const server = await startTcpRedis(['--requirepass', 'canary-7f3a', '--maxmemory-policy', 'allkeys-lru']);
    const url = `redis://:canary-7f3a@127.0.0.1:${server.port}/2`;
    const handle = await provide({ url });
    expect(handle).toMatchObject({ kind: 'external', connection: { url } });
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(`Redis at 127.0.0.1:${server.port} has maxmemory-policy allkeys-lru`);
    await handle.stop();
    expect(await withClient(url, (client) => client.ping())).toBe('PONG');
    const refused = await failure({ url: url.replace('canary-7f3a', 'canary-wrong') });
    expect(refused).toMatchObject({
      reason: 'RedisUnreachable',
      message: expect.stringContaining('refuses the login'),
    });
    expect(String(refused) + logged.join()).not.toContain('canary');
    await server.stop();
  });

  test('of nobody, and of somebody who says nothing, fails within seconds and says where', async () => {
    const urlOf = (port: number) => `redis://user:canary-7f3a@127.0.0.1:${port}`;
    const message = (port: number) => expect.stringMatching(`Redis at 127.0.0.1:${port} cannot be reached .*REDIS_URL`);
    const nobody = await freePort();
    const refused = await failure({ url: urlOf(nobody) });
    expect(refused).toMatchObject({ reason: 'RedisUnreachable', message: message(nobody) });
    const mute = await startTcpRedis([]);
    process.kill(await pidOf(`redis://127.0.0.1:${mute.port}`), 'SIGSTOP');
    const before = performance.now();
    const silent = await failure({ url: urlOf(mute.port) });
    expect(silent).toMatchObject({ reason: 'RedisUnreachable', message: message(mute.port) });
    expect(performance.now() - before).toBeLessThan(9_000);
    expect(String(refused) + String(silent)).not.toContain('canary');
    await mute.stop();
  });

  test.each(['localhost:6379', 'http://localhost', 'redis://', 'redis:///var/run/redis.sock'])(
    '%s is refused',
    async (url) => {
      expect(await failure({ url })).toMatchObject({ reason: 'RedisUrlInvalid' });
    },
  );
});

describe('no server on this machine', () => {
  const hasApt = existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg-deb');
  // Needs the system's package mirror, as the person at a machine without Redis does.
  const online = hasApt && canDownload();

  test('says in one line how to get one', async () => {
    const unreachable = [
      '-o',
      'Acquire::http::Proxy=http://127.0.0.1:9',
      '-o',
      'Acquire::https::Proxy=http://127.0.0.1:9',
    ];
    const error = await failure({
      searchPath: [],
      cacheDir: newFolder(),
      aptOptions: [...unreachable, '-o', 'Acquire::Retries=0'],
    });
    expect(error).toMatchObject({
      reason: 'RedisMissing',
      message: expect.stringMatching(/install redis.*REDIS_URL$/),
    });
  });

  test.skipIf(!online)('unpacks the system package, and uses it again', async () => {
    const cacheDir = newFolder();
    const handle = await provide({ searchPath: [], cacheDir });
    const program = readFileSync(`/proc/${await pidOf(socketOf(handle))}/maps`, 'utf8');
    expect(program).toContain(join(cacheDir, 'redis'));
    await handle.stop();
    const before = performance.now();
    await provide({ searchPath: [], cacheDir });
    expect(performance.now() - before).toBeLessThan(4_000);
    expect(
      execFileSync('ls', ['-A', join(cacheDir, 'redis')], { encoding: 'utf8' })
        .trim()
        .split('\n'),
    ).toHaveLength(1);
  });

  test.skipIf(!online)(
    'without package lists and one of its libraries, fetches both',
    { timeout: 180_000 },
    async () => {
      const cacheDir = newFolder();
      const pretence = newFolder();
      const installed = readFileSync('/var/lib/dpkg/status', 'utf8').split('\n\n');
      const others = installed.filter((paragraph) => !/^Package: (redis-|liblzf1\n)/.test(paragraph));
      writeFileSync(join(pretence, 'status'), others.join('\n\n'));
      const settings = { status: join(pretence, 'status'), lists: pretence };
      const aptOptions = Object.entries(settings).flatMap(([name, path]) => ['-o', `Dir::State::${name}=${path}`]);
      const handle = await provide({ searchPath: [], cacheDir, aptOptions });
      const program = readFileSync(`/proc/${await pidOf(socketOf(handle))}/maps`, 'utf8');
      expect(program).toMatch(new RegExp(`${cacheDir}.*/liblzf.so`));
    },
  );

  test.skipIf(!online || process.getuid?.() !== 0)('works without root', { timeout: 180_000 }, async () => {
    const home = newFolder();
    chmodSync(home, 0o777);
    const script = `
      import { pino } from 'pino';
      import { provideRedis } from ${JSON.stringify(join(import.meta.dirname, '../../../src/controller/standalone/redis.ts'))};
      const redis = await provideRedis({ dataDir: process.env.HOME + '/data', cacheDir: process.env.HOME + '/cache',
        log: pino({ level: 'silent' }), signal: AbortSignal.timeout(120_000), searchPath: [] });
      console.log(redis.kind, process.getuid());
      await redis.stop();`;
    const as = [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      '--input-type=module-typescript',
      '-e',
      script,
    ];
    const output = execFileSync('setpriv', as, {
      env: { ...process.env, HOME: home },
      encoding: 'utf8',
      cwd: process.cwd(),
    });
    expect(output).toBe('private 65534\n');
  });

  function canDownload(): boolean {
    try {
      execFileSync('/usr/bin/apt-get', ['-q', 'download', '--print-uris', 'redis-server'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  }
});

test('a folder that somebody else prepared for our sockets is not used', () => {
  const dataDir = join(newFolder(), 'x'.repeat(120));
  const folder = join(socketPath(dataDir, 'a.sock'), '..');
  chmodSync(folder, 0o755);
  expect(() => socketPath(dataDir, 'a.sock')).toThrow(/must be a folder that belongs to you alone/);
  rmSync(folder, { recursive: true });
});
