import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import { TerminalError } from '../../run/errors.ts';

const decoders: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

/** What we tell a source we can decode. */
export const acceptEncoding = 'gzip, br, zstd, deflate';

/**
 * The decoded bytes of a response, at most `maxBytes` of them: beyond that it fails, or the rest is cut off.
 * The bound is on the decoded size, so that a small answer cannot blow up.
 */
export async function readBody(
  body: Readable,
  contentEncoding: string | undefined,
  maxBytes: number,
  beyond: 'fail' | 'cut',
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  const collect = async (stream: AsyncIterable<Buffer>) => {
    for await (const chunk of stream) {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= maxBytes) continue;
      if (beyond === 'cut') return;
      throw new TerminalError('BodyTooLarge', `the body is larger than ${maxBytes} bytes`);
    }
  };
  await pipeline([body, ...decodersOf(contentEncoding), collect]);
  return Buffer.concat(chunks).subarray(0, maxBytes);
}

/** Codings are listed in the order in which they were applied. */
function decodersOf(contentEncoding = ''): Transform[] {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity');
  return codings.toReversed().map((coding) => {
    const decoder = Object.hasOwn(decoders, coding) ? decoders[coding] : undefined;
    if (decoder && codings.length <= 3) return decoder();
    throw new TerminalError(
      'EncodingUnknown',
      `the body is encoded as ${JSON.stringify(contentEncoding.slice(0, 80))}; we asked for ${acceptEncoding}`,
    );
  });
}
