import { type FileHandle, open } from 'node:fs/promises';
import type { Store } from '../store.ts';

/** Bytes to store, of which any part can be had again: a part whose request failed is sent once more. */
export interface Content {
  readonly bytes: number;
  part(start: number, end: number): Promise<Uint8Array>;
}

/** Runs work with what is to be put; of a file, only the parts that were asked for are in memory. */
export async function withContent<Result>(
  content: Parameters<Store['putIfAbsent']>[1],
  work: (content: Content) => Promise<Result>,
): Promise<Result> {
  if (content instanceof Uint8Array) {
    return work({ bytes: content.length, part: async (start, end) => content.subarray(start, end) });
  }
  const handle = await open(content.file);
  try {
    const bytes = (await handle.stat()).size;
    return await work({ bytes, part: (start, end) => readPart(handle, start, end) });
  } finally {
    await handle.close();
  }
}

async function readPart(handle: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
  if (bytesRead < end - start)
    throw new Error(`a file became shorter while it was being stored: byte ${start + bytesRead}`);
  return buffer;
}
