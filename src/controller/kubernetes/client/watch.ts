import { TransientError } from '../../../run/errors.ts';
import type { KubeObject, WatchEvent } from '../api.ts';
import { apiError } from './answers.ts';

/** An object of 3 MiB, the server's limit, with room. */
const maxLineBytes = 16 * 1024 * 1024;

interface Line {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: KubeObject;
}

/** The events in the bytes of a watch, one JSON object a line. An ERROR is thrown. */
export async function* watchEvents(bytes: AsyncIterable<Buffer>, what: string): AsyncGenerator<WatchEvent<KubeObject>> {
  for await (const line of lines(bytes)) {
    const { type, object } = parse(line, what);
    if (type === 'ERROR') throw apiError(object as object, what);
    if (type !== 'BOOKMARK') yield { type, object };
    else yield { type, resourceVersion: object.metadata.resourceVersion ?? '' };
  }
}

function parse(line: string, what: string): Line {
  try {
    return JSON.parse(line) as Line;
  } catch {
    throw new TransientError(`${what}: the API server sent a line that is no JSON`);
  }
}

/** Lines that are whole: what a cut connection leaves of the last one is no event. */
async function* lines(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let begun: Buffer[] = [];
  let size = 0;
  for await (const piece of bytes) {
    let start = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, start)) {
      yield Buffer.concat([...begun, piece.subarray(start, end)]).toString();
      begun = [];
      size = 0;
      start = end + 1;
    }
    begun.push(piece.subarray(start));
    size += piece.length - start;
    if (size > maxLineBytes) throw new TransientError(`a line of a watch is longer than ${maxLineBytes} bytes`);
  }
}
