import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { type Pool, type PoolOptions, startPool } from '../../../src/controller/standalone/processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'jobpulse-pool-'));
const pools: Pool[] = [];
let notes = 0;

afterAll(async () => {
  await Promise.all(pools.map((pool) => pool.stop(0)));
  rmSync(folder, { recursive: true });
});

/** What the workers of one test noted, as `[pid, text]`. */
interface Notes {
  readonly path: string;
  all(): (readonly [number, string])[];
  of(text: string): number[];
}

function newNotes(): Notes {
  const path = join(folder, `notes-${notes++}`);
  const all = () =>
    (existsSync(path) ? readFileSync(path, 'utf8') : '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => [Number(line.split(' ')[0]), line.slice(line.indexOf(' ') + 1)] as const);
  return { path, all, of: (text) => all().flatMap(([pid, noted]) => (noted === text ? [pid] : [])) };
}

function start(behaviour: string, options: Partial<PoolOptions> = {}): { pool: Pool; notes: Notes } {
  const notes = newNotes();
  const pool = startPool({
    ...{ name: 'test', size: 1, log: pino({ level: 'silent' }), onReady: () => undefined },
    command: [process.execPath, join(import.meta.dirname, 'poolWorker.ts')],
    env: { ...process.env, POOL_TEST: behaviour, POOL_TEST_LOG: notes.path },
    onGivenUp: (error) => {
      throw error;
    },
    ...options,
  });
  pools.push(pool);
  return { pool, notes };
}

/** A process of its own with a pool of two. */
function startOwner(behaviour: string) {
  const notes = newNotes();
  const env = { ...process.env, POOL_TEST: behaviour, POOL_TEST_LOG: notes.path };
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'poolProcess.ts')], { env, stdio: 'inherit' });
  return { owner, notes };
}

async function until(condition: () => boolean, patienceMs = 20_000): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('it never came to that');
    await sleep(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie that nobody waits for is not alive.
    return !existsSync('/proc') || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

describe('a pool', () => {
  test('has its number of workers, tells each when it is ready, and ends them when asked', async () => {
    const greeted: (number | undefined)[] = [];
    const { pool, notes } = start('obedient', { size: 3, onReady: (worker) => void greeted.push(worker.pid) });
    await until(() => greeted.length === 3);
    expect(new Set(greeted)).toEqual(new Set(pool.pids()));
    pool.send({ type: 'serve' });
    await until(() => notes.of('message {"type":"serve"}').length === 3);
    await pool.stop(10_000);
    expect(notes.of('SIGTERM').toSorted()).toEqual(greeted.toSorted());
    expect(greeted.filter((pid) => isAlive(pid ?? 0))).toEqual([]);
  });

  test('gives a worker the grace time, and then ends it', async () => {
    const { pool, notes } = start('stubborn');
    await until(() => notes.of('ready').length === 1);
    const before = performance.now();
    await pool.stop(500);
    expect(performance.now() - before).toBeGreaterThan(450);
    expect(notes.of('SIGTERM')).toEqual(notes.of('ready'));
    expect(notes.of('ready').filter(isAlive)).toEqual([]);
  });

  test('replaces a worker that was killed, however often, as long as the next one gets ready', async () => {
    const { notes } = start('obedient');
    for (let death = 1; death <= 6; death++) {
      await until(() => notes.of('ready').length === death);
      process.kill(notes.of('ready').at(-1) ?? 0, 'SIGKILL');
    }
    await until(() => notes.of('ready').length === 7);
  });

  test('is given up when its workers end before they are ready, with the last they said', async () => {
    const error = await new Promise((resolve) => start('broken', { onGivenUp: resolve }));
    expect(error).toMatchObject({
      reason: 'WorkersFailed',
      message: 'test workers end as soon as they start (exit code 7): cannot read the lake | the disk is gone',
    });
  });

  test('is given up when there is no such program', async () => {
    const error = await new Promise((resolve) => start('', { command: ['/no/such/program'], onGivenUp: resolve }));
    expect(error).toMatchObject({ message: expect.stringContaining('/no/such/program ENOENT') });
  });

  test.concurrent('replaces a worker that hangs', async ({ expect }) => {
    const { notes } = start('obedient');
    await until(() => notes.of('ready').length === 1);
    const [hung = 0] = notes.of('ready');
    process.kill(hung, 'SIGSTOP');
    await until(() => notes.of('ready').length === 2, 40_000);
    expect(isAlive(hung)).toBe(false);
  });

  test.concurrent('does not blame its workers for a time in which it slept itself', async ({ expect }) => {
    const { owner, notes } = startOwner('obedient');
    await until(() => notes.of('ready').length === 2);
    owner.kill('SIGSTOP');
    await sleep(25_000);
    owner.kill('SIGCONT');
    await sleep(5_000);
    expect(notes.of('ready')).toHaveLength(2);
    expect(notes.of('ready').every(isAlive)).toBe(true);
    owner.kill('SIGKILL');
  });

  test('leaves nothing behind when its process is killed, not even a worker inside a query', async () => {
    const { owner, notes } = startOwner('busy');
    await until(() => notes.of('busy').length === 2);
    await sleep(500);
    expect(notes.of('busy').filter(isAlive)).toHaveLength(2);
    owner.kill('SIGKILL');
    await until(() => notes.of('busy').every((pid) => !isAlive(pid)), 5_000);
  });
});
