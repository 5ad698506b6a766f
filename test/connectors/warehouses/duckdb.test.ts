import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDuckDBWarehouse } from '../../../src/connectors/warehouses/duckdb.ts';
import { postings, table, World } from './world.ts';

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.remove());

/** Another process that has the file open until it is told to end. */
async function holder(path: string) {
  const script = `
    import { DuckDBInstance } from '@duckdb/node-api';
    const instance = await DuckDBInstance.create(process.argv[1]);
    process.stdin.on('data', () => { instance.closeSync(); process.exit(0); });
    process.stdout.write('open');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('the file', () => {
  it('is waited for while another process has it, and that process is named when it keeps it', async () => {
    const child = await holder(world.path);
    const locked = world.warehouse({ lockWaitMs: 300 });
    await expect(locked).rejects.toMatchObject({
      name: 'TerminalError',
      reason: 'WarehouseLocked',
      message: expect.stringMatching(new RegExp(`warehouse\\.duckdb is open in .*\\(PID ${child.pid}\\)`)),
    });
    const { path, lake, scratch } = world;
    const waiting = openDuckDBWarehouse({ path, lake, scratch, memory: '500MB' });
    child.stdin.write('end');
    await once(child, 'exit');
    await (await waiting).close();
  });

  it('is free for another process once it is closed, with all that was loaded', async () => {
    await world.give({ day: 1, rows: [{ id: 1 }] });
    await world.close();
    const child = await holder(world.path);
    child.stdin.write('end');
    await once(child, 'exit');
    expect(await world.read('SELECT id FROM usajobs.postings')).toEqual([{ id: '1' }]);
  });

  it('is not opened twice in one process', async () => {
    const { path, lake, scratch } = world;
    await world.warehouse();
    await expect(openDuckDBWarehouse({ path, lake, scratch, memory: '500MB' })).rejects.toThrow(/locked/);
    expect((await world.give({ day: 1, rows: [{ id: 1 }] })).rows).toBe(1);
  });
});

it('does one thing at a time, in the order in which it was asked', async () => {
  const slices = await Promise.all([1, 2, 3].map((day) => world.slice({ day, rows: [{ id: day }, { id: 9 }] })));
  const loads = slices.map((slice) => world.load([slice]));
  const builds = [world.build({}), world.build({ name: 'again', materialize: 'Table' })];
  expect((await Promise.all(loads)).map(({ rows }) => rows)).toEqual([2, 3, 4]);
  expect((await Promise.all(builds)).map(({ ledger }) => ledger.rows)).toEqual([2, 2]);
});

it('goes on after work that failed', async () => {
  const slice = await world.slice({ day: 1, rows: [{ id: 1 }] });
  await expect(world.load([{ ...slice, files: ['clean/gone.parquet'] }])).rejects.toThrow();
  await expect(world.build({ sql: 'SELECT 1 / error(1)' })).rejects.toThrow();
  expect((await world.load([slice])).rows).toBe(1);
});

it('asks for a folder that it may read', async () => {
  const slice = await world.slice({ day: 1, rows: [{ id: 1 }] });
  const request = {
    key: 'k',
    table: postings,
    slices: [slice],
    rebuild: false,
    locate: async () => [{ path: '/etc/hostname' }],
  };
  const load = (await world.warehouse()).load(request, world.signal);
  await expect(load).rejects.toThrow(/Permission Error: Cannot access file/);
});

it('says when the memory is too little', async () => {
  await world.warehouse({ memory: '30MB' });
  const sql = `SELECT list(md5(range::VARCHAR)) AS hashes FROM range(5000000)`;
  await expect(world.build({ sql }, [])).rejects.toMatchObject({ name: 'TerminalError', reason: 'OutOfMemory' });
  expect((await world.build({ sql: 'SELECT 1 AS one' }, [])).ledger.rows).toBe(1);
});

it('loses nothing on a full disk, and goes on when there is room', async () => {
  const size = 60_000;
  const numbers = Array.from({ length: 8 }, (_, at) => at);
  const slices = await Promise.all(numbers.map((at) => world.manyRows(at + 1, at * size, (at + 1) * size)));
  const program = fileURLToPath(new URL('./limited.ts', import.meta.url));
  const given = slices.map((slice) => JSON.stringify(slice));
  // 20 MiB: enough for the write-ahead log, not for the checkpoint it leads to, which DuckDB takes for fatal.
  // A write beyond it fails with EFBIG, because Node ignores the signal.
  const limited = ['-c', 'ulimit -f 40960; exec "$@"', 'sh', process.execPath, program, world.folder, ...given];
  const { stdout } = await promisify(execFile)('sh', limited);
  const answers = stdout.trim().split('\n');
  expect(answers).toHaveLength(slices.length);
  const stopped = answers.indexOf('DiskFull');
  expect(stopped).toBeGreaterThan(0);
  expect(answers.slice(0, stopped)).toEqual(numbers.slice(0, stopped).map((at) => `${(at + 1) * size} rows`));
  expect(new Set(answers.slice(stopped))).toEqual(new Set(['DiskFull']));
  for (const [at, slice] of slices.entries()) {
    const { rows } = await world.load([slice], { key: `key-${at}`, spec: table({ onMissing: 'Ignore' }) });
    expect(rows).toBe((at + 1) * size);
  }
});
