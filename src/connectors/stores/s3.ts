import { TerminalError } from '../../run/errors.ts';
import { checkedPath } from './paths.ts';
import type { Bucket, Page } from './s3/bucket.ts';
import { withContent } from './s3/content.ts';
import { explained } from './s3/failure.ts';
import { type S3Place, s3Url } from './s3/place.ts';
import type { Store } from './store.ts';

/** An object that shows whether the server holds to `If-None-Match`. It is none of the store's. */
const probe = '.conditional-put';

/**
 * Objects in a bucket of AWS, or of any S3-compatible server that knows conditional writes. The SDK is loaded when the
 * store is first used: it costs 0.1 s and 38 MB, which a lake in a folder need not pay.
 */
export function s3Store(place: S3Place): Store {
  const root = place.prefix === undefined ? '' : `${checkedPath(place.prefix)}/`;
  const keyOf = (path: string) => root + inside(path);
  const folderOf = (prefix: string) => (prefix === '' ? root : `${keyOf(prefix)}/`);
  const open = once(async () => (await import('./s3/bucket.ts')).openBucket(place));
  const check = once(async () => refuseUnconditional(await open(), root + probe, place));

  /** Runs work with the bucket; what goes wrong is told in our own words. */
  async function ask<Result>(doing: string, work: (bucket: Bucket) => Promise<Result>): Promise<Result> {
    try {
      return await work(await open());
    } catch (error) {
      throw explained(error, place, doing);
    }
  }

  async function* pages(folder: string, delimiter?: string): AsyncGenerator<Page> {
    let after: string | undefined;
    do {
      const from = after;
      const page = await ask(`listing ${folder}`, (bucket) => bucket.list(folder, from, delimiter));
      yield page;
      after = page.after;
    } while (after !== undefined);
  }

  return {
    async putIfAbsent(path, content) {
      const key = keyOf(path);
      return ask(`putting ${path}`, async (bucket) => {
        await check();
        return withContent(content, (bytes) => bucket.put(key, bytes));
      });
    },
    async get(path) {
      const key = keyOf(path);
      return ask(`getting ${path}`, (bucket) => bucket.read(key));
    },
    async range(path, start, end) {
      const key = keyOf(path);
      const bytes = await ask(`reading ${path}`, (bucket) => bucket.read(key, { start, end }));
      if (!bytes) throw new TerminalError('ObjectMissing', `${path} is not in ${s3Url(place)}`);
      return bytes;
    },
    async *list(prefix) {
      for await (const { objects } of pages(folderOf(prefix))) {
        for (const { key, ...facts } of objects) {
          if (isObject(key.slice(root.length))) yield { path: key.slice(root.length), ...facts };
        }
      }
    },
    async folders(prefix) {
      const folder = folderOf(prefix);
      const found = await Array.fromAsync(pages(folder, '/'));
      return found.flatMap(({ folders }) => folders.map((name) => name.slice(folder.length, -1)));
    },
    async delete(path) {
      const key = keyOf(path);
      return ask(`deleting ${path}`, (bucket) => bucket.remove(key));
    },
  };
}

function inside(path: string): string {
  if (checkedPath(path) === probe) {
    throw new TerminalError('PathInvalid', `${JSON.stringify(path)} is kept for trying out what the server can do`);
  }
  return path;
}

/** Consoles make objects that end in `/` where people make folders. */
const isObject = (path: string): boolean => path !== probe && !path.endsWith('/');

/**
 * A server that ignores the condition would let two writers of one name both believe that they won. It is asked once,
 * before the first put: the probe is there or is created, and then must not be created again.
 */
async function refuseUnconditional(bucket: Bucket, key: string, place: S3Place): Promise<void> {
  const nothing = { bytes: 0, part: async () => new Uint8Array() };
  if ((await bucket.put(key, nothing)) === 'exists' || (await bucket.put(key, nothing)) === 'exists') return;
  throw new TerminalError(
    'StoreUnsuitable',
    `${place.endpoint ?? 'the server'} of ${s3Url(place)} overwrites an object that it was asked not to (If-None-Match: *); use a server or a version that knows conditional writes`,
  );
}

/** Does work when it is first asked for, and again only after it failed. */
function once<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let result: Promise<Result> | undefined;
  return () => {
    result ??= work().catch((error: unknown) => {
      result = undefined;
      throw error;
    });
    return result;
  };
}
