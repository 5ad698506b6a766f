import { createInterface } from 'node:readline';
import { Agent, request } from 'undici';
import type { Credentials } from './pki.ts';

/** An object of the API, as far as the tests' own servers look into it. */
export interface KubernetesObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly deletionTimestamp?: string;
  };
}

/** One line of a watch. */
export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/** What the API answered instead of what was asked for. */
export class ApiError extends Error {
  readonly code: number;
  constructor(method: string, path: string, code: number, answer: string) {
    super(`${method} ${path}: ${code} ${answer.slice(0, 1000)}`);
    this.code = code;
  }
}

/** What the test servers themselves ask of a Kubernetes API: plain HTTP, so that no product code tests itself. */
export interface Api {
  get<T>(path: string): Promise<T>;
  /** Asks for what is not an object, as `/readyz`. */
  ping(path: string): Promise<void>;
  post<T>(path: string, body: object): Promise<T>;
  /** A JSON merge patch. */
  patch<T>(path: string, body: object): Promise<T>;
  delete(path: string, body?: object): Promise<void>;
  /** The events of one watch, until the server or the signal ends it. */
  watch<T>(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent<T>>;
  close(): Promise<void>;
}

export function connectApi(url: string, authority: string, { certificate, key }: Credentials): Api {
  const dispatcher = new Agent({ connect: { ca: authority, cert: certificate, key }, bodyTimeout: 0 });

  const send = async (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, content?: object) => {
    const { statusCode, body } = await request(url + path, {
      method,
      dispatcher,
      headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
      ...(content === undefined ? {} : { body: JSON.stringify(content) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await body.text();
    if (statusCode >= 300) throw new ApiError(method, path, statusCode, text);
    return text;
  };

  return {
    get: async (path) => JSON.parse(await send('GET', path)),
    ping: async (path) => {
      await send('GET', path);
    },
    post: async (path, body) => JSON.parse(await send('POST', path, body)),
    patch: async (path, body) => JSON.parse(await send('PATCH', path, body)),
    delete: async (path, body) => {
      await send('DELETE', path, body);
    },
    watch: async function* (path, signal) {
      const { statusCode, body } = await request(url + path, { dispatcher, signal });
      if (statusCode >= 300) throw new ApiError('GET', path, statusCode, await body.text());
      for await (const line of createInterface({ input: body })) yield JSON.parse(line);
    },
    close: () => dispatcher.destroy(),
  };
}
