import { validateHeaderValue } from 'node:http';
import { Agent, type Dispatcher } from 'undici';
import { TerminalError } from '../../run/errors.ts';
import { guardedConnector } from './addresses.ts';
import { acceptEncoding, readBody } from './body.ts';

export interface HttpHeader {
  readonly name: string;
  readonly value: string;
  /** Where the value comes from, for messages: `secret usajobs, key api-key`. Such a header stays with its origin. */
  readonly secret?: string;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: readonly HttpHeader[];
  readonly body?: string;
  /** Where a secret in the body comes from, for messages. Such a body stays with its origin. */
  readonly secretBody?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** Decoded; of an error only the beginning. */
  readonly body: Buffer;
  /** Scheme, host and path that answered, when a redirect led elsewhere. */
  readonly redirectedTo?: string;
}

/** Bounds of one exchange. */
export interface ExchangeLimits {
  readonly maxBodyBytes: number;
  readonly connectTimeoutMs: number;
  /** From the end of the request to the last header. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of the body. */
  readonly bodyTimeoutMs: number;
  /** Redirects followed. Default: 5. */
  readonly maxRedirects?: number;
}

export interface Exchange {
  /** One request and its response, redirects followed. Throws on anything that is no response. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /** Requests sent so far, redirects counted. */
  readonly sent: number;
  close(): Promise<void>;
}

const maxErrorBytes = 64 * 1024;
/** Header names that hold credentials wherever they come from. */
const credentials = ['authorization', 'cookie', 'proxy-authorization'];

/** HTTP/1.1 with guarded addresses. */
export function openExchange(allowPrivateNetworks: boolean, limits: ExchangeLimits): Exchange {
  const { maxRedirects = 5 } = limits;
  const agent = new Agent({
    connect: guardedConnector(allowPrivateNetworks, limits.connectTimeoutMs),
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.bodyTimeoutMs,
  });
  let sent = 0;

  const ask = (request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> => {
    sent += 1;
    const { method, url, body } = request;
    return agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: headersOf(request),
      body: body ?? null,
      signal,
    });
  };

  return {
    async send(request, signal) {
      let current = request;
      for (let redirects = 0; redirects <= maxRedirects; redirects += 1) {
        const answer = await ask(current, signal);
        const target = redirectTarget(answer, current.url);
        if (!target) return read(answer, request, current, limits);
        await answer.body.dump({ limit: maxErrorBytes });
        current = redirected(current, answer.statusCode, target);
      }
      throw new TerminalError('TooManyRedirects', `was redirected more than ${maxRedirects} times`);
    },
    get sent() {
      return sent;
    },
    close: () => agent.destroy(),
  };
}

function headersOf({ headers }: HttpRequest): Record<string, string> {
  const sent: Record<string, string> = { 'accept-encoding': acceptEncoding, 'user-agent': 'jobpulse' };
  for (const { name, value, secret } of headers) {
    try {
      validateHeaderValue(name, value);
    } catch {
      throw new TerminalError(
        'HeaderInvalid',
        `header ${name}${secret ? ` (${secret})` : ''} holds characters that a header cannot carry, often a line break at the end`,
      );
    }
    sent[name.toLowerCase()] = value;
  }
  return sent;
}

async function read(
  { statusCode: status, headers, body }: Dispatcher.ResponseData,
  request: HttpRequest,
  { url }: HttpRequest,
  limits: ExchangeLimits,
): Promise<HttpResponse> {
  const header = (name: string) => {
    const value = headers[name.toLowerCase()];
    return Array.isArray(value) ? value.join(', ') : value;
  };
  const empty = status === 204 || header('content-length') === '0';
  const encoding = empty ? undefined : header('content-encoding');
  const bytes = await (status < 400
    ? readBody(body, encoding, limits.maxBodyBytes, 'fail')
    : readBody(body, encoding, maxErrorBytes, 'cut'));
  const elsewhere = url.href === request.url.href ? {} : { redirectedTo: url.origin + url.pathname };
  return { status, header, body: bytes, ...elsewhere };
}

function redirectTarget({ statusCode, headers }: Dispatcher.ResponseData, from: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(statusCode) || typeof headers.location !== 'string') return undefined;
  const target = URL.parse(headers.location, from);
  if (target && ['http:', 'https:'].includes(target.protocol)) return target;
  throw new TerminalError('RedirectInvalid', 'was redirected to something that is no http or https address');
}

/** The request to make after a redirect. Credentials stay with the origin they were meant for. */
function redirected(request: HttpRequest, status: number, url: URL): HttpRequest {
  const { method, headers, body } = request;
  const kept = headers.filter(
    ({ name, secret }) =>
      url.origin === request.url.origin || (secret === undefined && !credentials.includes(name.toLowerCase())),
  );
  if (request.secretBody !== undefined && url.origin !== request.url.origin) {
    throw new TerminalError(
      'RedirectInvalid',
      `was redirected to ${url.origin}, which ${request.secretBody} is not for`,
    );
  }
  const asGet = status === 303 || (method === 'POST' && (status === 301 || status === 302));
  if (asGet) return { method: 'GET', url, headers: kept.filter(({ name }) => name.toLowerCase() !== 'content-type') };
  return { method, url, headers: kept, ...(body === undefined ? {} : { body }) };
}
