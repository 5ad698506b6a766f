import { createReadStream } from 'node:fs';
import { addAbortSignal, pipeline, Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { TerminalError } from '../run/errors.ts';
import type { Body } from './records.ts';

/** How the bytes of a text are to be read. */
export type Encoding = 'utf-8' | 'utf-16' | 'latin-1';

/** The text of a raw body in UTF-8, piece by piece, without byte order mark and NULs. */
export async function* openText(body: Body, encoding: Encoding, signal: AbortSignal): AsyncGenerator<Buffer> {
  const unpacked = addAbortSignal(signal, createZstdDecompress({ chunkSize: 1 << 18 }));
  // What fails reaches the reader through the last stream; the callback keeps it from being thrown a second time.
  pipeline(createReadStream(body.local), unpacked, () => undefined);
  let decode: ((chunk: Buffer | undefined) => Buffer) | undefined;
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      decode ??= decoder(chunk, encoding, body);
      yield decode(chunk);
    }
  } catch (error) {
    throw unreadable(error, body);
  }
  if (decode) yield decode(undefined);
}

/** The whole text of a body that is known to be small enough for memory. */
export async function readText(body: Body, encoding: Encoding, signal: AbortSignal): Promise<Buffer> {
  return Buffer.concat(await Readable.from(openText(body, encoding, signal)).toArray());
}

/** Decides by the first bytes: a byte order mark says more than a manifest. */
function decoder(head: Buffer, encoding: Encoding, body: Body): (chunk: Buffer | undefined) => Buffer {
  if (head[0] === 0xff && head[1] === 0xfe) return through('utf-16le');
  if (head[0] === 0xfe && head[1] === 0xff) return through('utf-16be');
  if (encoding === 'utf-16') return through(head[0] === 0 ? 'utf-16be' : 'utf-16le');
  // As the web does: what is labelled Latin-1 is mostly Windows-1252, which differs in control characters only.
  if (encoding === 'latin-1') return through('windows-1252');
  if (looksLikeUtf16(head)) {
    throw new TerminalError(
      'EncodingWrong',
      `${body.meta.uri} is not UTF-8 but looks like UTF-16 without a byte order mark; set the format's encoding to utf-16`,
    );
  }
  return verbatim();
}

function through(label: string): (chunk: Buffer | undefined) => Buffer {
  const text = new TextDecoder(label);
  return (chunk) => withoutNuls(Buffer.from(chunk ? text.decode(chunk, { stream: true }) : text.decode()));
}

/** UTF-8 goes through byte for byte: what is not valid is found row by row later, so that only those rows are lost. */
function verbatim(): (chunk: Buffer | undefined) => Buffer {
  let first = true;
  return (chunk = Buffer.alloc(0)) => {
    const marked = first && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
    first = false;
    return withoutNuls(marked ? chunk.subarray(3) : chunk);
  };
}

const withoutNuls = (bytes: Buffer): Buffer =>
  (bytes.includes(0) ? bytes.filter((byte) => byte !== 0) : bytes) as Buffer;

function looksLikeUtf16(head: Buffer): boolean {
  const sample = head.subarray(0, 4096);
  return sample.filter((byte) => byte === 0).length > sample.length / 5;
}

function unreadable(error: unknown, { meta }: Body): unknown {
  if (!(error instanceof Error && 'code' in error && /^Z/.test(String(error.code)))) return error;
  return new TerminalError('RawUnreadable', `the stored body of ${meta.uri} (sha256 ${meta.sha256}) is damaged`, {
    cause: error,
  });
}
