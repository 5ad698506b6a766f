import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesystemStore } from '../../../src/connectors/stores/filesystem.ts';
import { keptDownloads } from '../../../src/connectors/stores/kept.ts';
import { localFile } from '../../../src/connectors/stores/local.ts';
import { prefixed } from '../../../src/connectors/stores/prefixed.ts';
import type { Store } from '../../../src/connectors/stores/store.ts';

const nameOf = (number: number) => `p/clean/postings/${number.toString(16).padStart(16, '0')}.parquet`;

describe('files of a lake elsewhere', () => {
  let root: string;
  let asked: string[];
  /** A store that is not on this machine, and tells what was read from it. */
  let elsewhere: Store;
  let steps = 0;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kept-'));
    asked = [];
    const { localPath: _, ...store } = filesystemStore(join(root, 'bucket'));
    elsewhere = {
      ...store,
      range: (path, start, end) => {
        asked.push(path);
        return store.range(path, start, end);
      },
    };
    for (let at = 0; at < 10; at += 1) await store.putIfAbsent(nameOf(at), Buffer.alloc(1000, at));
    await store.putIfAbsent('p/raw/000000.json.zst', Buffer.from('raw'));
  });
  afterEach(() => rm(root, { recursive: true }));

  const open = (maxBytes: number) => keptDownloads(elsewhere, join(root, 'kept'), maxBytes);
  const step = () => mkdtemp(join(root, `step-${steps++}-`));

  test('are copied once, and linked for each step', async () => {
    const store = open(100_000);
    const files = await Promise.all(Array.from({ length: 8 }, async () => localFile(store, nameOf(1), await step())));
    for (const file of files) expect(await readFile(file ?? '')).toEqual(Buffer.alloc(1000, 1));
    expect(asked).toEqual([nameOf(1)]);
    await rm(files[0] ?? '');
    expect(await readFile(files[1] ?? '')).toHaveLength(1000);
  });

  test('are asked for by the path that a view of the store knows', async () => {
    const view = prefixed(open(100_000), 'p');
    for (const _ of [1, 2]) await localFile(view, nameOf(3).slice(2), await step());
    expect(asked).toEqual([nameOf(3)]);
  });

  test('stay within a bound, those used last; a step keeps what it has', async () => {
    const store = open(3500);
    const folder = await step();
    const first = await localFile(store, nameOf(0), folder);
    for (const at of [1, 2, 0, 3]) await localFile(store, nameOf(at), await step());
    expect(await readdir(join(root, 'kept'))).toHaveLength(3);
    asked = [];
    for (const at of [0, 2, 3, 1]) await localFile(store, nameOf(at), await step());
    expect(asked).toEqual([nameOf(1)]);
    expect(await readFile(first ?? '')).toHaveLength(1000);
  });

  test('are found by the next process, in the order of their use', async () => {
    const before = open(2500);
    for (const at of [0, 1, 0]) await localFile(before, nameOf(at), await step());
    await new Promise((resolve) => setTimeout(resolve, 20));
    asked = [];
    const after = open(2500);
    for (const at of [0, 2, 0, 1]) await localFile(after, nameOf(at), await step());
    expect(asked).toEqual([nameOf(2), nameOf(1)]);
  });

  test('may vanish from the folder at any time', async () => {
    const store = open(100_000);
    await localFile(store, nameOf(5), await step());
    for (const name of await readdir(join(root, 'kept'))) await rm(join(root, 'kept', name));
    const again = await localFile(store, nameOf(5), await step());
    expect(await readFile(again ?? '')).toEqual(Buffer.alloc(1000, 5));
    for (const _ of [1, 2]) await localFile(store, nameOf(5), await step());
    expect(asked).toHaveLength(3);
  });

  test('whose names do not tell their content are copied each time', async () => {
    const store = open(100_000);
    for (const _ of [1, 2]) await localFile(store, 'p/raw/000000.json.zst', await step());
    expect(asked).toHaveLength(2);
    expect(existsSync(join(root, 'kept'))).toBe(false);
  });

  test('that are not there are told, and leave nothing behind', async () => {
    const folder = await step();
    expect(await localFile(open(100_000), nameOf(99), folder)).toBeUndefined();
    expect(await localFile(elsewhere, nameOf(99), folder)).toBeUndefined();
    expect([...(await readdir(folder)), ...(await readdir(join(root, 'kept')))]).toEqual([]);
  });
});
