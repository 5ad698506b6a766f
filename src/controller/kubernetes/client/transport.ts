import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { TransientError } from '../../../run/errors.ts';
import { ApiError } from '../api.ts';
import { backoff } from '../backoff.ts';
import { readText, statusError } from './answers.ts';
import type { CredentialSource, TlsMaterial } from './credentials.ts';

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Transport {
  /** The answer's object. What may be done twice is tried again when there was no answer or the server is too busy. */
  call<Answer>(request: ApiRequest): Promise<Answer>;
  /** The bytes of an answer without end, asked for once. The caller ends it by the signal. */
  stream(request: ApiRequest & { readonly signal: AbortSignal }): Promise<Dispatcher.ResponseData['body']>;
  close(): Promise<void>;
}

const maxTries = 4;
const callMs = 15_000;
const delays = { firstMs: 200, maxMs: 2_000 };
/** A longer wait is left to the caller, who may have something else to do. */
const maxRetryAfterMs = 5_000;

export interface TransportOptions {
  readonly server: string;
  readonly proxyUrl: string | undefined;
  readonly credentials: CredentialSource;
}

/**
 * HTTP/1.1 to one API server. Every watch has a connection of its own, so that one which has gone silent takes nothing
 * else with it; other calls share a few.
 */
export function openTransport({ server, proxyUrl, credentials }: TransportOptions): Transport {
  const base = new URL(server);
  const root = base.pathname.replace(/\/$/, '');
  let agents: Agents | undefined;

  const agentsFor = (tls: TlsMaterial): Agents => {
    const identity = JSON.stringify(tls);
    if (agents?.identity === identity) return agents;
    // Renewed certificates: new connections use them, what is under way ends on the old ones.
    void agents?.calls.close();
    void agents?.watches.close();
    agents = { identity, calls: openAgent(tls, proxyUrl, 10), watches: openAgent(tls, proxyUrl, 256) };
    return agents;
  };

  const send = async (request: ApiRequest, pool: 'calls' | 'watches', signal: AbortSignal) => {
    const { headers, tls } = await credentials.current();
    const { method, path, query = {}, body, accept = 'application/json', contentType = 'application/json' } = request;
    const search = new URLSearchParams(Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]));
    const answer = await agentsFor(tls)[pool].request({
      origin: base.origin,
      path: `${root}${path}${search.size === 0 ? '' : `?${search}`}`,
      method,
      headers: { accept, 'user-agent': 'jobpulse', ...headers, ...(body && { 'content-type': contentType }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal,
    });
    if (answer.statusCode < 300) return answer.body;
    if (answer.statusCode === 401) credentials.refuse();
    throw await statusError(answer, `${method} ${path}`);
  };

  const once = async <Answer>(request: ApiRequest): Promise<Answer> => {
    const limit = AbortSignal.timeout(callMs);
    const signal = request.signal ? AbortSignal.any([request.signal, limit]) : limit;
    return JSON.parse(await readText(await send(request, 'calls', signal)));
  };

  return {
    async call<Answer>(request: ApiRequest): Promise<Answer> {
      for (let tries = 1; ; tries += 1) {
        request.signal?.throwIfAborted();
        try {
          return await once<Answer>(request);
        } catch (error) {
          request.signal?.throwIfAborted();
          const delay = tries < maxTries ? delayBefore(error, request, tries) : undefined;
          if (delay === undefined) throw told(error, server);
          await sleep(delay, undefined, { signal: request.signal }).catch(() => request.signal?.throwIfAborted());
        }
      }
    },
    async stream(request) {
      const headers = AbortSignal.timeout(callMs);
      const ended = new AbortController();
      const cut = () => ended.abort();
      headers.addEventListener('abort', cut);
      try {
        return await send(request, 'watches', AbortSignal.any([request.signal, ended.signal]));
      } catch (error) {
        request.signal.throwIfAborted();
        throw told(error, server);
      } finally {
        headers.removeEventListener('abort', cut);
      }
    },
    async close() {
      await Promise.all([agents?.calls.destroy(), agents?.watches.destroy()]);
    },
  };
}

interface Agents {
  readonly identity: string;
  readonly calls: Dispatcher;
  readonly watches: Dispatcher;
}

function openAgent(tls: TlsMaterial, proxyUrl: string | undefined, connections: number): Dispatcher {
  const connect = { ...tls, timeout: 5_000, keepAliveInitialDelay: 30_000 };
  // Whoever reads an answer limits its time.
  const common = { connections, allowH2: false, bodyTimeout: 0 };
  if (proxyUrl) return new ProxyAgent({ ...common, uri: proxyUrl, requestTls: connect });
  return new Agent({ ...common, connect });
}

/** Milliseconds until the call may be tried again; `undefined` when that would be of no use, or not safe. */
function delayBefore(error: unknown, { method }: ApiRequest, tries: number): number | undefined {
  const pause = backoff(tries, delays, Math.random);
  if (!(error instanceof ApiError)) {
    // A POST without an answer may have been done; the others can be done twice.
    return method === 'POST' ? undefined : pause;
  }
  const { status, retryAfterMs = 0 } = error;
  // Refused credentials are made anew, once.
  if (status === 401) return tries === 1 ? 0 : undefined;
  // 429 is said before anything is done; so is 503 with the time to wait.
  const again = status === 429 || (status === 503 && (error.retryAfterMs !== undefined || method !== 'POST'));
  return again && retryAfterMs <= maxRetryAfterMs ? Math.max(retryAfterMs, pause) : undefined;
}

/** What is no answer becomes an error with the place and the cause, and nothing of the request. */
export function told(error: unknown, server: string): Error {
  if (error instanceof ApiError || error instanceof TransientError) return error;
  const { name, code, message } = error as NodeJS.ErrnoException;
  const cause = name === 'TimeoutError' || name === 'AbortError' ? 'no answer in time' : (code ?? message);
  return new TransientError(`the Kubernetes API server ${server} does not answer: ${cause}`, 'KubernetesUnreachable');
}
