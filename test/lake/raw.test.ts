import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { filesystemStore } from '../../src/connectors/stores/filesystem.ts';
import type { Lake } from '../../src/lake/lake.ts';
import { listRaw, putRaw, putRawFile, type RawFacts, readRaw, readRawMeta } from '../../src/lake/raw.ts';
import { sha256 } from '../../src/run/key.ts';

const folder = 'raw/postings/2026-11-20/abc';
const facts = (body: Buffer): RawFacts => ({
  uri: 'http://source.test/',
  status: 200,
  fetchedAt: '2026-11-20T06:00:00.000Z',
  records: body.toString().split(',').length,
});
const one = Buffer.from('[1,2,3]');
const two = Buffer.from('[1,2,3,4]');

describe('raw', () => {
  let root: string;
  let lake: Lake;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'raw-'));
    lake = { store: filesystemStore(root), pipeline: 'default/p' };
  });
  afterEach(() => rm(root, { recursive: true }));

  test('stores the bytes compressed and tells what it knows about them', async () => {
    const raw = await putRaw(lake, folder, 17, 'json', one, facts);
    expect(raw).toMatchObject({ index: 17, path: `${folder}/000017.json.zst`, body: one });
    expect(raw.meta).toEqual({ ...facts(one), sha256: sha256(one), bytes: one.length });
    const stored = await lake.store.get(raw.path);
    expect(stored && zstdDecompressSync(stored)).toEqual(one);
    expect(raw.storedBytes).toBe(stored?.length);
    expect(await readRaw(lake, raw.path)).toEqual(one);
    expect(await readRawMeta(lake, raw.path)).toEqual(raw.meta);
  });

  test('who comes second adopts the bytes and the meta that are there', async () => {
    const first = await putRaw(lake, folder, 0, 'json', one, facts);
    const second = await putRaw(lake, folder, 0, 'json', two, (body) => ({
      ...facts(body),
      uri: 'http://other.test/',
    }));
    expect(second).toEqual(first);
  });

  test('of many attempts at once all return the same', async () => {
    const bodies = Array.from({ length: 8 }, (_, at) => Buffer.from(`[${'1,'.repeat(at)}1]`));
    const results = await Promise.all(bodies.map((body) => putRaw(lake, folder, 0, 'json', body, facts)));
    for (const result of results) expect(result).toEqual(results[0]);
    expect(results[0]?.meta).toMatchObject({ sha256: sha256(await readRaw(lake, `${folder}/000000.json.zst`)) });
  });

  test('after a crash between body and meta the body is adopted and described anew', async () => {
    await lake.store.putIfAbsent(`${folder}/000000.json.zst`, zstdCompressSync(one));
    expect(await listRaw(lake, folder)).toEqual([]);
    const adopted = await putRaw(lake, folder, 0, 'json', two, facts);
    expect(adopted.body).toEqual(one);
    expect(adopted.meta).toMatchObject({ records: 3, sha256: sha256(one), bytes: one.length });
    expect((await listRaw(lake, folder))[0]?.meta).toEqual(adopted.meta);
  });

  test('lists whole objects in order of their index', async () => {
    for (const index of [2, 0, 1]) await putRaw(lake, folder, index, 'json', one, facts);
    await lake.store.putIfAbsent(`${folder}/000003.json.zst`, zstdCompressSync(one));
    await lake.store.putIfAbsent(`${folder}/listing.json`, one);
    expect((await listRaw(lake, folder)).map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(await listRaw(lake, 'raw/postings/2026-11-20/other')).toEqual([]);
  });

  test('a packed file is stored, and adopted with the size and hash of what is there', async () => {
    const pack = async (body: Buffer) => {
      const packed = zstdCompressSync(body);
      const file = join(root, 'packed');
      await writeFile(file, packed);
      return { file, sha256: sha256(body), bytes: body.length, storedBytes: packed.length };
    };
    const first = await putRawFile(lake, folder, 0, 'csv', await pack(one), facts(one));
    expect(first.meta).toMatchObject({ sha256: sha256(one), bytes: one.length });
    expect(await putRawFile(lake, folder, 0, 'csv', await pack(two), facts(one))).toEqual(first);
    await lake.store.delete(`${folder}/000000.meta.json`);
    expect(await putRawFile(lake, folder, 0, 'csv', await pack(two), facts(one))).toEqual(first);
  });

  test('raw that is gone is named, with the way out', async () => {
    await expect(readRaw(lake, `${folder}/000000.json.zst`)).rejects.toMatchObject({
      reason: 'RawMissing',
      message: expect.stringContaining('spec.retention.raw'),
    });
    await expect(readRawMeta(lake, `${folder}/000000.json.zst`)).rejects.toThrow('000000.meta.json');
  });
});
