import { spawnSync } from 'node:child_process';
import { appendFile, chmod, mkdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readRaw, readRawMeta } from '../../../src/lake/raw.ts';
import { sha256 } from '../../../src/run/key.ts';
import type { StepResult } from '../../../src/run/types.ts';
import { extract } from '../../../src/workers/extract.ts';
import { Bench, manifestOf, type Setting } from './context.ts';

const csv = { csv: { delimiter: ',', header: true, quote: '"', encoding: 'utf-8' as const, skip: 0 } };

let bench: Bench;
let root: string;
beforeEach(async () => {
  bench = await Bench.open();
  root = await bench.folder();
});
afterEach(() => bench.close());

async function write(name: string, content: string | Buffer): Promise<string> {
  const file = join(root, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

const contextOf = (paths: string[], setting: Partial<Setting> = {}) =>
  bench.context({ format: csv, filesRoot: root, ...setting, extract: { files: { paths } } });
const run = async (paths: string[], setting: Partial<Setting> = {}): Promise<StepResult> =>
  extract(await contextOf(paths, setting));
const filesOf = (result: StepResult) => result.partitions?.[0]?.files ?? [];
const bodiesOf = (result: StepResult) =>
  Promise.all(filesOf(result).map(async ({ path }) => (await readRaw(bench.lake, path)).toString()));
const digested = ({ ledger, partitions, source, complete }: StepResult) => ({ ledger, partitions, source, complete });

describe('files', () => {
  test('matching any glob are stored verbatim, once, in the order of their names', async () => {
    for (const name of ['b.csv', 'a.csv', 'registries/Bogotá 2025.csv', 'registries/deep/c.csv', 'notes.txt'])
      await write(name, `of ${name}`);
    const result = await run(['*.csv', 'registries/**/*.csv', '{{ params.name }}.csv'], { params: { name: 'a' } });
    expect(await bodiesOf(result)).toEqual([
      'of a.csv',
      'of b.csv',
      'of registries/Bogotá 2025.csv',
      'of registries/deep/c.csv',
    ]);
    expect(result).toMatchObject({
      ledger: { listed: 4, fetched: 4, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
      complete: true,
      source: {},
      partitions: [{ values: {}, rows: 4 }],
      cost: { requests: 0 },
    });
    const [first] = filesOf(result);
    expect(first).toMatchObject({ path: 'raw/postings/2026-11-20/key0/000000.csv.zst', sha256: sha256('of a.csv') });
    expect(await readRawMeta(bench.lake, first?.path ?? '')).toMatchObject({ uri: 'a.csv', status: 200, bytes: 8 });
  });

  test('compression is only a transport: raw holds what is inside', async () => {
    await write('a.csv.gz', gzipSync('inside gz'));
    await write('b.CSV.ZST', zstdCompressSync(Buffer.from('inside zst')));
    await write('c', 'no extension');
    const result = await run(['*']);
    expect(await bodiesOf(result)).toEqual(['inside gz', 'inside zst', 'no extension']);
    expect(filesOf(result).map(({ path }) => path.split('/').at(-1))).toEqual([
      '000000.csv.zst',
      '000001.csv.zst',
      '000002.bin.zst',
    ]);
  });

  test('a file larger than memory likes goes through in pieces', async () => {
    const bytes = Buffer.alloc(50_000_000, 'one,two,three\n');
    await write('big.csv', bytes);
    const result = await run(['big.csv']);
    expect(filesOf(result)[0]).toMatchObject({ sha256: sha256(bytes) });
    expect(result.cost?.bytes).toBe(bytes.length);
  });

  test('are cut into parts, which work through one and the same list', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await write(`${name}.csv`, name);
    const context = await contextOf(['*.csv'], { files: 2 });
    const first = await extract(context);
    expect(first).toMatchObject({ complete: false, source: { next: '2' } });
    await write('0.csv', 'appeared meanwhile');
    await rm(join(root, 'd.csv'));
    const head = manifestOf(context, first);
    const second = await run(['*.csv'], { files: 2, part: 1, head });
    const third = await run(['*.csv'], { files: 2, part: 2, head });
    expect(await Promise.all([first, second, third].map(bodiesOf))).toEqual([['a', 'b'], ['c'], ['e']]);
    expect(second).toMatchObject({ ledger: { listed: 2, fetched: 1, gone: 1 }, complete: false });
    expect(third).toMatchObject({ ledger: { listed: 1, fetched: 1, gone: 0 }, complete: true, source: {} });
  });

  test('the next attempt keeps what is stored, whatever became of the folder', async () => {
    await write('a.csv', 'old a');
    await write('b.csv', 'old b');
    const crash = (name: string) => {
      if (name === 'after-raw-put') throw new Error('killed');
    };
    await expect(run(['*.csv'], { crashPoint: crash })).rejects.toThrow('killed');
    await write('0.csv', 'new');
    await write('a.csv', 'new a');
    const resumed = await run(['*.csv']);
    expect(await bodiesOf(resumed)).toEqual(['old a', 'old b']);
    expect(digested(await run(['*.csv']))).toEqual(digested(resumed));
  });

  test('attempts at once come to the same result', async () => {
    for (const name of ['a', 'b', 'c']) await write(`${name}.csv`, name);
    const results = await Promise.all([1, 2, 3, 4].map(() => run(['*.csv'])));
    for (const result of results) expect(digested(result)).toEqual(digested(results[0] as StepResult));
  });
});

describe('what is wrong with files', () => {
  test('nothing matches: says which pattern and where', async () => {
    await write('a.csv', 'a');
    await mkdir(join(root, 'folder.csv'));
    await expect(run(['a.csv', 'registries/*.csv'])).rejects.toMatchObject({
      reason: 'NoFiles',
      message: expect.stringMatching(new RegExp(`no file matches "registries/\\*\\.csv" below ${root}`)),
    });
    await expect(run(['folder.csv'])).rejects.toMatchObject({ reason: 'NoFiles' });
  });

  test.each(['/etc/passwd', '../*.csv', 'a/../../b.csv', '/etc/*'])('%s leads out and is refused', async (pattern) => {
    await expect(run([pattern])).rejects.toMatchObject({ name: 'TerminalError', reason: 'FileOutside' });
  });

  test('a link out of the folder is refused, also one that was put there after the listing; a link inside is followed', async () => {
    const outside = join(bench.root, 'secret.csv');
    await writeFile(outside, 'secret');
    await write('real.csv', 'inside');
    await symlink(join(root, 'real.csv'), join(root, 'alias.csv'));
    expect(await bodiesOf(await run(['*.csv']))).toEqual(['inside', 'inside']);
    await symlink(outside, join(root, 'evil.csv'));
    await expect(run(['*.csv'], { key: 'second' })).rejects.toMatchObject({ reason: 'FileOutside' });
    await rm(join(root, 'evil.csv'));
    await write('evil.csv', 'harmless');
    const context = await contextOf(['*.csv'], { files: 1, key: 'third' });
    const head = manifestOf(context, await extract(context));
    await rm(join(root, 'evil.csv'));
    await symlink(outside, join(root, 'evil.csv'));
    await expect(run(['*.csv'], { files: 1, part: 1, head })).rejects.toMatchObject({ reason: 'FileOutside' });
  });

  test('a file that is written while it is read is transient, and read when it rests', async () => {
    const file = await write('a.csv', Buffer.alloc(80_000_000, 'x'));
    const context = await contextOf(['*.csv']);
    const running = extract(context);
    const writing = during(running, () => appendFile(file, 'more'));
    await expect(running).rejects.toMatchObject({
      name: 'TransientError',
      message: expect.stringContaining('a.csv changed while it was read'),
    });
    await writing;
    const [stored] = filesOf(await run(['*.csv']));
    expect(stored?.sha256).toBe(sha256(await readFile(file)));
  });

  test('one that changes without changing its size is noticed by its time', async () => {
    const file = await write('a.csv', Buffer.alloc(80_000_000, 'x'));
    const context = await contextOf(['*.csv']);
    const running = extract(context);
    let times = 0;
    const touching = during(running, () => utimes(file, new Date(), new Date(Date.now() + times++)));
    await expect(running).rejects.toMatchObject({ name: 'TransientError' });
    await touching;
  });

  test('a broken archive is named', async () => {
    await write('cut.csv.gz', gzipSync('x'.repeat(1000)).subarray(0, 15));
    await expect(run(['*.gz'])).rejects.toMatchObject({
      reason: 'FileBroken',
      message: expect.stringContaining('cut.csv.gz is not a whole gz file'),
    });
    await write('not.csv.zst', 'plain text');
    await expect(run(['*.zst'], { key: 'zst' })).rejects.toMatchObject({ reason: 'FileBroken' });
  });

  test.skipIf(process.getuid?.() === 0)('one that may not be read is named (root may read all)', async () => {
    await chmod(await write('a.csv', 'a'), 0);
    await expect(run(['*.csv'])).rejects.toMatchObject({ reason: 'FileDenied' });
  });

  test.skipIf(process.getuid?.() !== 0)('a full disk is told as such (needs root to mount a small one)', async () => {
    const small = await bench.folder();
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]).status).toBe(0);
    try {
      await write('a.csv', Buffer.from(Array.from({ length: 4_000_000 }, () => Math.floor(Math.random() * 256))));
      const context = await contextOf(['*.csv']);
      await expect(extract({ ...context, scratch: small })).rejects.toMatchObject({ reason: 'StoreFull' });
    } finally {
      spawnSync('umount', [small]);
    }
  });

  test('an abort ends it with its reason', async () => {
    await write('a.csv', Buffer.alloc(80_000_000, 'x'));
    const abort = new AbortController();
    const running = run(['*.csv'], { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('lease lost')), 30);
    await expect(running).rejects.toThrow('lease lost');
  });
});

/** Does something again and again until other work has ended. */
async function during(work: Promise<unknown>, act: () => Promise<void>): Promise<void> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  work.then(end, end);
  while (!ended) await act();
}
