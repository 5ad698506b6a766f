import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { tryLock } from '../../../src/controller/standalone/lock.ts';
import { type OwnerServer, ownerSocket, serveOwner } from '../../../src/controller/standalone/owner.ts';
import { connectOwner, type OwnerClient, OwnerLostError } from '../../../src/controller/standalone/owner-client.ts';
import { TerminalError } from '../../../src/run/errors.ts';

const folders: string[] = [];
const children: ChildProcess[] = [];
const never = new AbortController().signal;

function newDataDir(): string {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-owner-'));
  folders.push(folder);
  return folder;
}

/** Starts a real process that needs the data directory. */
function start(dataDir: string, run: string, workMs: number, version = '1.0.0') {
  const script = join(import.meta.dirname, 'ownerProcess.ts');
  const child = spawn(process.execPath, [script, dataDir, run, String(workMs), version]);
  children.push(child);
  const said = { result: '', message: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.result += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said.message += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...said }));
  return { child, said, ended };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it never came to that');
    await sleep(10);
  }
}

const listening = (dataDir: string) => until(() => existsSync(ownerSocket(dataDir)));

afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('lock', () => {
  test('one holder at a time, in one process as between processes', async () => {
    const dataDir = newDataDir();
    const lock = tryLock(dataDir);
    expect(lock).toBeDefined();
    expect(tryLock(dataDir)).toBeUndefined();
    expect(readFileSync(join(dataDir, 'owner.pid'), 'utf8')).toBe(`${process.pid}\n`);
    lock?.release();
    const other = start(dataDir, 'other', 10_000);
    await listening(dataDir);
    expect(tryLock(dataDir)).toBeUndefined();
    other.child.kill('SIGKILL');
    await other.ended;
    const again = tryLock(dataDir);
    expect(again).toBeDefined();
    again?.release();
  });

  test('a data directory that cannot be one is named', () => {
    expect(() => tryLock('/dev/null/data')).toThrow(/\/dev\/null\/data cannot be used .*--data-dir/);
  });
});

describe('processes', () => {
  test('a hundred pairs started together: none hangs, every run is done', { timeout: 240_000 }, async () => {
    const pair = async (name: string) => {
      const dataDir = newDataDir();
      const ends = await Promise.all(['a', 'b'].map((side) => start(dataDir, `${name}-${side}`, 10).ended));
      expect(ends.map(({ code, result }) => [code, JSON.parse(result).run])).toEqual([
        [0, `${name}-a`],
        [0, `${name}-b`],
      ]);
    };
    for (let round = 0; round < 50; round++) await Promise.all([pair(`${round}`), pair(`${round}x`)]);
  });

  test('a dozen on one data directory: one owner at a time, every run is done', async () => {
    const dataDir = newDataDir();
    const names = Array.from({ length: 12 }, (_, at) => `run-${at}`);
    const ends = await Promise.all(names.map((name) => start(dataDir, name, 50).ended));
    expect(ends.map(({ code, result, message }) => (code === 0 ? JSON.parse(result).run : message))).toEqual(names);
  });

  test('an owner that is killed while it works for another: that one takes over', async () => {
    const dataDir = newDataDir();
    const owner = start(dataDir, 'first', 60_000);
    await listening(dataDir);
    const client = start(dataDir, 'second', 1_000);
    await until(() => client.said.message === 'started elsewhere\n');
    owner.child.kill('SIGKILL');
    rmSync(join(dataDir, 'owned-by-one')); // the proof of the one that could not remove it
    const { code, result } = await client.ended;
    expect([code, JSON.parse(result)]).toEqual([0, { run: 'second', by: client.child.pid }]);
  });

  test.concurrent('an owner that hangs is named with its pid and what to do', async ({ expect }) => {
    const dataDir = newDataDir();
    const owner = start(dataDir, 'first', 60_000);
    await listening(dataDir);
    owner.child.kill('SIGSTOP');
    const before = performance.now();
    const { code, message } = await start(dataDir, 'second', 10).ended;
    const pid = owner.child.pid;
    expect(message).toBe(
      `process ${pid} holds ${dataDir} but does not answer; stop it with \`kill -9 ${pid}\` (nothing is lost by that) or use another --data-dir\n`,
    );
    expect(code).toBe(4);
    expect(performance.now() - before).toBeLessThan(10_000);
    owner.child.kill('SIGKILL');
  });

  test.concurrent('a holder of the lock that never listens is not waited for without end', async ({ expect }) => {
    const dataDir = newDataDir();
    const lock = tryLock(dataDir);
    const { code, message } = await start(dataDir, 'second', 10).ended;
    expect([code, message]).toEqual([4, expect.stringContaining(`process ${process.pid} holds ${dataDir}`)]);
    lock?.release();
  });

  test.concurrent('an owner of another version is refused with both versions', async ({ expect }) => {
    const dataDir = newDataDir();
    const owner = start(dataDir, 'first', 60_000, '0.9.0');
    await listening(dataDir);
    const { code, message } = await start(dataDir, 'second', 10, '1.0.0').ended;
    expect([code, message]).toEqual([
      4,
      expect.stringMatching(/jobpulse 0\.9\.0, and this is jobpulse 1\.0\.0; .*kill/),
    ]);
    owner.child.kill('SIGKILL');
  });
});

describe('socket', () => {
  let server: OwnerServer | undefined;
  afterEach(async () => server?.close());

  type Submit = (request: string, emit: (event: number) => void, signal: AbortSignal) => Promise<string>;
  async function connected(submit: Submit, dataDir = newDataDir()): Promise<OwnerClient> {
    server = await serveOwner(dataDir, { version: '1.0.0', submit });
    const client = await connectOwner(dataDir);
    if (!client) throw new Error('nobody listens');
    return client;
  }

  test('events arrive in order, then the result', async () => {
    const client = await connected(async (request, emit) => {
      for (let event = 0; event < 1_000; event++) emit(event);
      return request.toUpperCase();
    });
    const events: number[] = [];
    const result = await client.submit<string, number, string>('übung', (event) => events.push(event), never);
    expect(result).toBe('ÜBUNG');
    expect(events).toEqual(Array.from({ length: 1_000 }, (_, at) => at));
  });

  test('an error of the work keeps its reason', async () => {
    const client = await connected(async () => {
      throw new TerminalError('SecretMissing', 'secret usajobs is missing');
    });
    const failure = await client.submit('x', () => undefined, never).catch((error: unknown) => error);
    expect(failure).toEqual(new TerminalError('SecretMissing', 'secret usajobs is missing'));
    expect(failure).toHaveProperty('reason', 'SecretMissing');
  });

  test('who hangs up aborts the work', async () => {
    const abort = new AbortController();
    let aborted = false;
    const client = await connected(async (_, emit, signal) => {
      emit(1);
      await sleep(60_000, undefined, { signal }).catch(() => undefined);
      aborted = signal.aborted;
      return '';
    });
    const submitted = client.submit('x', () => abort.abort(new Error('Ctrl-C')), abort.signal);
    await expect(submitted).rejects.toThrow('Ctrl-C');
    await until(() => aborted);
  });

  test('an owner that drains answers what it has taken and takes nothing new', async () => {
    const finish = Promise.withResolvers<string>();
    const dataDir = newDataDir();
    const client = await connected((_, emit) => {
      emit(1);
      return finish.promise;
    }, dataDir);
    const taken = Promise.withResolvers<void>();
    const submitted = client.submit('x', () => taken.resolve(), never);
    await taken.promise;
    const drained = server?.drain();
    expect((await connectOwner(dataDir))?.hello.closing).toBe(true);
    await expect(client.submit('y', () => undefined, never)).rejects.toThrow('takes no more work');
    finish.resolve('done');
    await drained;
    expect(await submitted).toBe('done');
  });

  test('a closed owner is nobody, for those it worked for and for those who come later', async () => {
    const dataDir = newDataDir();
    const client = await connected(async (_, emit, signal) => {
      emit(1);
      await sleep(60_000, undefined, { signal });
      return '';
    }, dataDir);
    const submitted = client.submit('x', () => void server?.close(), never);
    await expect(submitted).rejects.toThrow(OwnerLostError);
    await until(() => !existsSync(ownerSocket(dataDir)));
    expect(await connectOwner(dataDir)).toBeUndefined();
  });

  test('only its owner may use the socket, which stays short for a long data directory', async () => {
    const dataDir = join(newDataDir(), 'a-long-name-'.repeat(12));
    await connected(async () => '', dataDir);
    const socket = ownerSocket(dataDir);
    expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(100);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(statSync(join(socket, '..')).mode & 0o777).toBe(0o700);
    folders.push(join(socket, '..'));
  });
});
