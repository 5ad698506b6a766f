import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import type { FilesExtract } from '../../api/index.ts';
import { layout } from '../../lake/layout.ts';
import { listRaw, type PackedFile, putRawFile, type RawObject, zstdOptions } from '../../lake/raw.ts';
import { TerminalError, TransientError } from '../../run/errors.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import { renderText, sliceValues } from '../../run/template.ts';
import type { StepResult } from '../../run/types.ts';
import type { StageContext } from '../../workers/stage.ts';
import { findFiles, isFileInside, listOnce } from './listing.ts';
import { extractResult } from './result.ts';

/** Compression of a file is only its transport, as with HTTP: raw keeps the bytes inside. */
const decoders: Readonly<Record<string, () => Transform>> = { '.gz': createGunzip, '.zst': createZstdDecompress };

/** Takes the files of one part into the lake, in the order of their names; goes on where an earlier attempt stopped. */
export async function files(context: StageContext<ExtractSpec>, source: FilesExtract): Promise<StepResult> {
  const { spec, step, inputs, lake, filesRoot } = context;
  const values = { params: spec.params, slice: sliceValues(step.slice) };
  const patterns = (source.paths ?? []).map((pattern) => renderText(pattern, values));
  const folderOf = (key: string) => layout.rawFolder(step.dataset, step.slice, key);
  const listed = await listOnce(lake, folderOf(inputs[0]?.key ?? step.key), () => findFiles(filesRoot, patterns));
  const end = (Number(step.part) + 1) * spec.part.files;
  const names = listed.slice(end - spec.part.files, end);
  const raws = await takeAll(context, folderOf(step.key), names);
  return extractResult({
    raws,
    fetched: raws.length,
    gone: names.length - raws.length,
    // No total: that would be in files, and whoever proves completeness by it counts records.
    source: end < listed.length ? { next: String(end) } : {},
    notices: [],
    requests: 0,
  });
}

/** A file that has vanished since it was listed is left out, and counted as gone by the caller. */
async function takeAll(
  context: StageContext<ExtractSpec>,
  folder: string,
  names: readonly string[],
): Promise<RawObject[]> {
  const adopted = new Map((await listRaw(context.lake, folder)).map((raw) => [raw.index, raw]));
  const raws: RawObject[] = [];
  for (const [index, name] of names.entries()) {
    context.signal.throwIfAborted();
    const raw = adopted.get(index) ?? (await take(context, folder, index, name));
    if (raw) raws.push(raw);
    context.progress(`file ${index + 1} of ${names.length}: ${name}`);
  }
  return raws;
}

async function take(
  { lake, filesRoot, scratch, signal, crashPoint }: StageContext<ExtractSpec>,
  folder: string,
  index: number,
  name: string,
): Promise<RawObject | undefined> {
  if (!(await isFileInside(filesRoot, name))) return undefined;
  const target = join(scratch, `${index}.zst`);
  const read = await readUnchanged(join(filesRoot, name), name, target, signal);
  const facts = { uri: name, status: 200, fetchedAt: new Date().toISOString(), etag: read.version };
  const raw = await putRawFile(lake, folder, index, extensionOf(name), read.packed, facts);
  crashPoint('after-raw-put');
  await rm(target);
  return raw;
}

/** Refuses a file that someone writes while we read it: half of the old and half of the new is neither. */
async function readUnchanged(
  file: string,
  name: string,
  target: string,
  signal: AbortSignal,
): Promise<{ readonly packed: PackedFile; readonly version: string }> {
  const version = await versionOf(file);
  const packed = await pack(file, target, signal).catch((error: unknown) => ({ error }));
  signal.throwIfAborted();
  if ((await versionOf(file)) !== version) {
    throw new TransientError(`${name} changed while it was read; it is read again when it has come to rest`);
  }
  if ('error' in packed) throw explained(packed.error, name);
  return { packed, version };
}

async function versionOf(file: string): Promise<string> {
  const { size, mtimeNs } = await stat(file, { bigint: true });
  return `${size}-${mtimeNs}`;
}

async function pack(file: string, target: string, signal: AbortSignal): Promise<PackedFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const measure = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  const decode = decoders[extname(file).toLowerCase()]?.() ?? new PassThrough();
  const encode = createZstdCompress(zstdOptions);
  await pipeline(createReadStream(file), decode, measure, encode, createWriteStream(target), { signal });
  return { file: target, sha256: hash.digest('hex'), bytes, storedBytes: (await stat(target)).size };
}

/** The extension of the bytes as stored: `csv` of `a.csv` and of `a.csv.gz`. */
function extensionOf(name: string): string {
  const inner = extname(name).toLowerCase() in decoders ? name.slice(0, -extname(name).length) : name;
  const extension = extname(inner).slice(1).toLowerCase();
  return /^[a-z0-9]{1,16}$/.test(extension) ? extension : 'bin';
}

function explained(error: unknown, name: string): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'EACCES' || code === 'EPERM') {
    return new TerminalError('FileDenied', `${name} may not be read by this user (${code}): change its rights`);
  }
  if (code === 'ENOSPC')
    return new TerminalError('StoreFull', `no space left for a copy of ${name} in the scratch folder`);
  if (/^(Z_|ZSTD_)/.test(code)) {
    return new TerminalError(
      'FileBroken',
      `${name} is not a whole ${extname(name).slice(1)} file (${code}): write it again`,
    );
  }
  return error;
}
