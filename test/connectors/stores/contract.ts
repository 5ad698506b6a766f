import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prefixed } from '../../../src/connectors/stores/prefixed.ts';
import type { Store } from '../../../src/connectors/stores/store.ts';

/** A fresh, empty store, and how to get rid of it. */
export interface OpenedStore {
  readonly store: Store;
  readonly close: () => Promise<void>;
  /** How another process opens it: an expression, with `import()` of a module by its URL. */
  readonly expression: string;
  /** Whether some bytes of an object that is being put have arrived. */
  readonly isHalfWay: () => Promise<boolean>;
}

/** What every store must do, whatever it stands on. */
export function storeContract(name: string, openStore: () => Promise<OpenedStore>): void {
  describe(`${name} keeps the contract of a store`, () => {
    let store: Store;
    let opened: OpenedStore;
    let scratch: string;
    beforeAll(async () => {
      opened = await openStore();
      store = opened.store;
      scratch = await mkdtemp(join(tmpdir(), 'store-'));
    });
    afterAll(async () => {
      await opened.close();
      await rm(scratch, { recursive: true });
    });

    test('what was put comes back, and is never replaced', async () => {
      expect(await store.putIfAbsent('a/b/c.json', Buffer.from('one'))).toBe('created');
      expect(await store.putIfAbsent('a/b/c.json', Buffer.from('two'))).toBe('exists');
      expect((await store.get('a/b/c.json'))?.toString()).toBe('one');
    });

    test('of 20 writers at once exactly one creates, and the object is that one’s', async () => {
      const contents = Array.from({ length: 20 }, (_, writer) =>
        Buffer.alloc(100_000, String.fromCharCode(97 + writer)),
      );
      const outcomes = await Promise.all(contents.map((content) => store.putIfAbsent('race/object', content)));
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
      const winner = contents[outcomes.indexOf('created')];
      expect(winner && (await store.get('race/object'))?.equals(winner)).toBe(true);
    });

    test('an object that is not there is undefined, and deleting it is no error', async () => {
      expect(await store.get('nowhere/nothing')).toBeUndefined();
      await store.delete('nowhere/nothing');
      await expect(store.range('nowhere/nothing', 0, 1)).rejects.toThrow('nowhere/nothing');
    });

    test('a deleted object is gone and its name is free', async () => {
      await store.putIfAbsent('gone/object', Buffer.from('one'));
      await store.delete('gone/object');
      expect(await store.get('gone/object')).toBeUndefined();
      expect(await store.putIfAbsent('gone/object', Buffer.from('two'))).toBe('created');
    });

    test('names in any script, with spaces, signs and equals', async () => {
      const paths = ['names/Bogotá D.C./área=Niñez & más.json', 'names/求人/данные #1?.csv', 'names/a%2Fb/c+d.bin'];
      for (const path of paths) await store.putIfAbsent(path, Buffer.from(path));
      expect((await pathsBelow(store, 'names')).sort()).toEqual([...paths].sort());
      for (const path of paths) expect((await store.get(path))?.toString()).toBe(path);
    });

    test('lists by folder, recursively, with sizes; a missing folder is empty; a name is no folder', async () => {
      await store.putIfAbsent('tree/one/x', Buffer.alloc(3));
      await store.putIfAbsent('tree/one/deep/y', Buffer.alloc(5));
      await store.putIfAbsent('tree/oneness/z', Buffer.alloc(7));
      const found = await Array.fromAsync(store.list('tree/one'));
      expect(found.map(({ path, bytes }) => [path, bytes]).sort()).toEqual([
        ['tree/one/deep/y', 5],
        ['tree/one/x', 3],
      ]);
      expect(found.every(({ modifiedAt }) => Math.abs(Date.now() - modifiedAt.getTime()) < 600_000)).toBe(true);
      expect(await pathsBelow(store, 'tree/nothing')).toEqual([]);
    });

    test('lists 10,000 objects', async () => {
      const names = Array.from({ length: 10_000 }, (_, at) => `many/${at % 10}/${at}`);
      for (let at = 0; at < names.length; at += 100) {
        await Promise.all(names.slice(at, at + 100).map((path) => store.putIfAbsent(path, Buffer.from('x'))));
      }
      expect(new Set(await pathsBelow(store, 'many'))).toEqual(new Set(names));
    }, 180_000);

    test('takes the bytes of a big file, and gives back any range of them', async () => {
      const bytes = randomBytes(20_000_000);
      const file = join(scratch, 'big');
      await writeFile(file, bytes);
      expect(await store.putIfAbsent('big/file', { file })).toBe('created');
      await rm(file);
      expect((await store.get('big/file'))?.equals(bytes)).toBe(true);
      expect(
        (await store.range('big/file', 12_345_678, 12_345_778)).equals(bytes.subarray(12_345_678, 12_345_778)),
      ).toBe(true);
      expect((await store.range('big/file', 19_999_990, 20_000_050)).equals(bytes.subarray(19_999_990))).toBe(true);
    });

    test('of 5 writers of big files at once exactly one creates, and the object is that one’s', async () => {
      const files = Array.from({ length: 5 }, (_, writer) => join(scratch, `writer-${writer}`));
      for (const [writer, file] of files.entries()) await writeFile(file, Buffer.alloc(20_000_000, writer));
      const outcomes = await Promise.all(files.map((file) => store.putIfAbsent('race/big', { file })));
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
      const winner = outcomes.indexOf('created');
      expect((await store.get('race/big'))?.equals(Buffer.alloc(20_000_000, winner))).toBe(true);
    });

    test('a file of 200 MB passes through little memory', async () => {
      const file = join(scratch, 'huge');
      await writeFile(file, Buffer.alloc(200_000_000, 'x'));
      // The first put loads what is needed; the growth is that of the second.
      const script = `await store.putIfAbsent('huge/warm', Buffer.alloc(1000));
        const before = process.resourceUsage().maxRSS;
        const outcome = await store.putIfAbsent('huge/file', { file: ${JSON.stringify(file)} });
        console.log(JSON.stringify({ outcome, megabytes: (process.resourceUsage().maxRSS - before) / 1000 }));`;
      const { outcome, megabytes } = JSON.parse(await text(inProcess(opened, script).stdout));
      expect(outcome).toBe('created');
      expect(megabytes).toBeLessThan(150);
      await rm(file);
      expect(await store.range('huge/file', 199_999_999, 200_000_001)).toEqual(Buffer.from('x'));
    });

    test('a writer killed in the middle leaves no object, and the next one can write it', async () => {
      const script = `for (let at = 0; ; at += 1) await store.putIfAbsent('killed/' + at, Buffer.alloc(${killedBytes}));`;
      const writer = inProcess(opened, script);
      const ended = once(writer, 'exit');
      await until(opened.isHalfWay);
      writer.kill('SIGKILL');
      await ended;
      const whole = await Array.fromAsync(store.list('killed'));
      expect(whole.filter(({ bytes }) => bytes !== killedBytes)).toEqual([]);
      const next = `killed/${whole.length}`;
      expect(await store.get(next)).toBeUndefined();
      expect(await store.putIfAbsent(next, Buffer.from('whole'))).toBe('created');
    });

    test('lists what is there while others write and delete', async () => {
      const stay = Array.from({ length: 50 }, (_, at) => `busy/stays/${at}`);
      await Promise.all(stay.map((path) => store.putIfAbsent(path, Buffer.from('x'))));
      let writing = true;
      const writer = (async () => {
        for (let at = 0; writing; at += 1) {
          await store.putIfAbsent(`busy/comes/${at}`, Buffer.from('x'));
          await store.delete(`busy/comes/${at}`);
        }
      })();
      for (let round = 0; round < 10; round += 1) {
        const found = await pathsBelow(store, 'busy');
        expect(found).toEqual(expect.arrayContaining(stay));
        expect(new Set(found).size).toBe(found.length);
      }
      writing = false;
      await writer;
    });

    test('tells the folders right below one', async () => {
      for (const path of ['shelf/a/x', 'shelf/a/deep/y', 'shelf/ü=1/z', 'shelf/file']) {
        await store.putIfAbsent(path, Buffer.from('x'));
      }
      expect((await store.folders?.('shelf'))?.sort()).toEqual(['a', 'ü=1']);
      expect(await store.folders?.('shelf/nothing')).toEqual([]);
    });

    test.each(['bytes', 'a file'])('an empty object is an object, from %s', async (from) => {
      const file = join(scratch, 'empty');
      await writeFile(file, '');
      await store.putIfAbsent(`empty/${from}`, from === 'bytes' ? Buffer.alloc(0) : { file });
      expect(await store.get(`empty/${from}`)).toEqual(Buffer.alloc(0));
      expect(await store.range(`empty/${from}`, 0, 10)).toEqual(Buffer.alloc(0));
    });

    test.each(['', '/etc/passwd', '../up', 'a/../../up', 'a//b', './a', 'a/', 'a\0b'])(
      'refuses the path %j',
      async (path) => {
        await expect(store.putIfAbsent(path, Buffer.from('x'))).rejects.toThrow('not a path inside a store');
        await expect(store.get(path)).rejects.toThrow('not a path inside a store');
        await expect(store.delete(path)).rejects.toThrow('not a path inside a store');
      },
    );

    test('a view from below a prefix knows nothing but its own', async () => {
      const view = prefixed(store, 'default/one');
      const other = prefixed(store, 'default/one-more');
      await view.putIfAbsent('x/y', Buffer.from('mine'));
      await other.putIfAbsent('x/y', Buffer.from('other'));
      expect((await view.get('x/y'))?.toString()).toBe('mine');
      expect((await store.get('default/one/x/y'))?.toString()).toBe('mine');
      expect(await pathsBelow(view, '')).toEqual(['x/y']);
      expect(await pathsBelow(view, 'x')).toEqual(['x/y']);
      await expect(view.get('../one-more/x/y')).rejects.toThrow('not a path inside a store');
      expect(view.localPath?.('x/y')).toBe(store.localPath?.('default/one/x/y'));
    });
  });
}

const pathsBelow = async (store: Store, folder: string): Promise<string[]> =>
  (await Array.fromAsync(store.list(folder))).map(({ path }) => path);

/** Large enough for parts, and for a moment in which some have arrived. */
const killedBytes = 150_000_000;

/** Runs a script with `store` open, in a process of its own that may be killed. */
function inProcess({ expression }: OpenedStore, script: string) {
  const source = `const store = await (${expression});\n${script}`;
  return spawn(process.execPath, ['--input-type=module', '--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 5000; tries += 1) {
    if (await holds()) return;
    await sleep(2);
  }
  throw new Error('waited too long');
}
