import { createHash, webcrypto } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createZstdDecompress, zstdCompress, zstdDecompress } from 'node:zlib';
import { TerminalError, TransientError } from '../run/errors.ts';
import { type Lake, mapBounded } from './lake.ts';
import { layout } from './layout.ts';

/** What is known about a raw body; it lies beside it. Holds no secret and no header but these. */
export interface RawMeta {
  /** Where the bytes came from, with secrets masked. */
  readonly uri: string;
  readonly status: number;
  /** ISO 8601, UTC. */
  readonly fetchedAt: string;
  /** sha256 (hex) of the body before compression. */
  readonly sha256: string;
  /** Size of the body before compression. */
  readonly bytes: number;
  readonly contentType?: string;
  readonly etag?: string;
  /** Cursor of the page after this one; absent on the last. */
  readonly next?: string;
  /** Records in this body, where they can be counted. */
  readonly records?: number;
  /** What the source said it holds, in this answer. */
  readonly total?: number;
  /** Credits that are left, as the source said in this answer. */
  readonly remaining?: number;
  /** It only showed that the query must be split: its records come again, and it is not handed on. */
  readonly probe?: true;
}

/** What only the one who fetched a body can tell about it. */
export type RawFacts = Omit<RawMeta, 'sha256' | 'bytes'>;

/** A raw body in the lake. */
export interface RawObject {
  readonly index: number;
  readonly path: string;
  /** Size in the lake, compressed. */
  readonly storedBytes: number;
  readonly meta: RawMeta;
}

/** A body that was compressed into a file of this machine, ready to be stored. */
export interface PackedFile extends Pick<RawMeta, 'sha256' | 'bytes'> {
  readonly file: string;
  readonly storedBytes: number;
}

/** Level 3 is where time and size balance for JSON and CSV. The large chunk spares trips to the thread pool. */
export const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 3 }, chunkSize: 1 << 20 } as const;

const maxBodyBytes = 2 ** 31 - 1;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * Stores a body, then what is known about it, both create-only. Who loses a race, or comes after a crash, adopts what
 * is there: `describe` is then asked about the adopted body, and the answer holds that body.
 */
export async function putRaw(
  lake: Lake,
  folder: string,
  index: number,
  extension: string,
  bytes: Buffer,
  describe: (body: Buffer) => RawFacts,
): Promise<RawObject & { readonly body: Buffer }> {
  const path = layout.rawBody(folder, index, extension);
  const [compressed, digest] = await Promise.all([
    compress(bytes, { ...zstdOptions, chunkSize: chunkFor(bytes.length), pledgedSrcSize: bytes.length }),
    sha256(bytes),
  ]);
  const created = (await lake.store.putIfAbsent(path, compressed)) === 'created';
  const stored = created ? compressed : await existing(lake, path);
  const body = created ? bytes : await unpack(stored);
  const hash = created ? digest : await sha256(body);
  const meta = await putMeta(lake, path, { ...describe(body), sha256: hash, bytes: body.length });
  return { index, path, storedBytes: stored.length, meta, body };
}

/** As `putRaw`, for a body of any size. */
export async function putRawFile(
  lake: Lake,
  folder: string,
  index: number,
  extension: string,
  packed: PackedFile,
  facts: RawFacts,
): Promise<RawObject> {
  const path = layout.rawBody(folder, index, extension);
  const created = (await lake.store.putIfAbsent(path, { file: packed.file })) === 'created';
  const { sha256, bytes, storedBytes } = created ? packed : await measure(await existing(lake, path));
  const meta = await putMeta(lake, path, { ...facts, sha256, bytes });
  return { index, path, storedBytes, meta };
}

/** The body of a raw object, as it was received. */
export async function readRaw(lake: Lake, path: string): Promise<Buffer> {
  const stored = await lake.store.get(path);
  if (!stored) throw missing(path);
  return unpack(stored);
}

/** What is known about the raw body at `path`. */
export async function readRawMeta(lake: Lake, path: string): Promise<RawMeta> {
  const meta = await findMeta(lake, path);
  if (!meta) throw missing(metaPath(path));
  return meta;
}

/** The raw objects of a step that are whole (body and meta), by index: where an attempt that follows a crash goes on. */
export async function listRaw(lake: Lake, folder: string): Promise<RawObject[]> {
  const bodies: { index: number; path: string; storedBytes: number }[] = [];
  for await (const { path, bytes } of lake.store.list(folder)) {
    const [, index] = /\/(\d+)\.[^/]+\.zst$/.exec(path) ?? [];
    if (index !== undefined) bodies.push({ index: Number(index), path, storedBytes: bytes });
  }
  const objects = await mapBounded(bodies, 16, async (body) => ({ ...body, meta: await findMeta(lake, body.path) }));
  return objects.flatMap(({ meta, ...body }) => (meta ? [{ ...body, meta }] : [])).sort((a, b) => a.index - b.index);
}

/** Hashed in the thread pool: megabytes at a time would hold up whatever else the process does. */
const sha256 = async (bytes: Buffer): Promise<string> =>
  Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Buffer<ArrayBuffer>)).toString('hex');

const metaPath = (bodyPath: string): string => bodyPath.replace(/\.[^./]+\.zst$/, '.meta.json');

async function findMeta(lake: Lake, bodyPath: string): Promise<RawMeta | undefined> {
  const bytes = await lake.store.get(metaPath(bodyPath));
  return bytes && (JSON.parse(bytes.toString('utf8')) as RawMeta);
}

async function putMeta(lake: Lake, bodyPath: string, meta: RawMeta): Promise<RawMeta> {
  const outcome = await lake.store.putIfAbsent(metaPath(bodyPath), Buffer.from(JSON.stringify(meta)));
  return outcome === 'created' ? meta : readRawMeta(lake, bodyPath);
}

async function existing(lake: Lake, path: string): Promise<Buffer> {
  const stored = await lake.store.get(path);
  if (!stored) throw new TransientError(`${path} was removed while it was being adopted`);
  return stored;
}

/** Bodies of JSON become this many times smaller, seldom more. */
const usualRatio = 8;
const unpack = (stored: Buffer): Promise<Buffer> =>
  decompress(stored, { chunkSize: chunkFor(usualRatio * stored.length), maxOutputLength: maxBodyBytes });

/** Chunks are allocated whole: one of a MiB for each of many small records keeps the garbage collector busy. */
const chunkFor = (expected: number): number => Math.min(zstdOptions.chunkSize, expected + 1024);

async function measure(stored: Buffer): Promise<Pick<PackedFile, 'sha256' | 'bytes' | 'storedBytes'>> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(Readable.from([stored]), createZstdDecompress(), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { sha256: hash.digest('hex'), bytes, storedBytes: stored.length };
}

const missing = (path: string): TerminalError =>
  new TerminalError(
    'RawMissing',
    `${path} is not in the lake: its retention (spec.retention.raw) is over, or someone removed it; only a new run can ask the source again`,
  );
