import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TerminalError } from '../run/errors.ts';
import type { Instruments } from './registry.ts';

/** Says why not, or `undefined` when all is well. */
export type Probe = () => string | undefined;

export interface HttpOptions {
  /** 0: any port that is free. */
  readonly port: number;
  /** Default: all addresses. */
  readonly host?: string;
  readonly metrics: Pick<Instruments, 'pieces' | 'contentType'>;
  /** Whether the process still gets on; when it does not, it is to be started again. */
  readonly live: Probe;
  /** Whether the process can do its work now. */
  readonly ready: Probe;
}

export interface HttpServer {
  readonly port: number;
  /** Answers no more, and lets go of connections that are idle or hang. */
  close(): Promise<void>;
}

/** Requests are a line and a few headers, from one scraper and one kubelet. */
const limits = { headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 10_000, maxHeaderSize: 8 * 1024 };
const mostConnections = 64;

/** Serves `/metrics`, `/livez` and `/readyz`, each a page of plain text. */
export async function serveHttp({ port, host, metrics, live, ready }: HttpOptions): Promise<HttpServer> {
  const pages: Readonly<Record<string, (answer: Answer) => void | Promise<void>>> = {
    '/metrics': async (answer) => answer(200, await metrics.pieces(), metrics.contentType),
    '/livez': (answer) => tellProbe(answer, live),
    '/readyz': (answer) => tellProbe(answer, ready),
  };
  const server = createServer(limits, (request, response) => void respond(pages, request, response));
  server.maxConnections = mostConnections;
  server.listen(port, host);
  await once(server, 'listening').catch((error: Error) => {
    throw cannotListen(host, port, error);
  });
  server.on('error', () => undefined); // such as a connection that cannot be accepted: the next one may be
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type Answer = (status: number, body: string | readonly Buffer[], type?: string) => void;

async function respond(
  pages: Readonly<Record<string, (answer: Answer) => void | Promise<void>>>,
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer: Answer = (status, body, type = 'text/plain; charset=utf-8') => {
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
    for (const piece of typeof body === 'string' ? [body] : body) response.write(piece);
    response.end();
  };
  const path = url.split('?')[0] ?? '';
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (!page) return answer(404, `nothing here; there are ${Object.keys(pages).join(', ')}\n`);
  if (method !== 'GET' && method !== 'HEAD') return answer(405, 'only GET and HEAD\n');
  try {
    await page(answer);
  } catch (error) {
    answer(500, `${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function tellProbe(answer: Answer, probe: Probe): void {
  const trouble = probe();
  if (trouble === undefined) answer(200, 'ok\n');
  else answer(503, `${trouble}\n`);
}

const cannotListen = (host: string | undefined, port: number, cause: Error): TerminalError =>
  new TerminalError(
    'PortTaken',
    `cannot serve metrics on ${host ?? 'all addresses'}, port ${port}: ${cause.message}; choose another port, or 0 for any`,
    { cause },
  );
