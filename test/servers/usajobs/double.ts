import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Behaviour, wellBehaved } from './answer.ts';
import { Api, type ApiOptions, type Reply, spoilReply } from './api.ts';
import { control } from './control.ts';
import type { Fault } from './faults.ts';
import type { Ledger } from './ledger.ts';
import type { Posting } from './posting.ts';
import { usualSearch } from './search.ts';

export interface UsajobsOptions extends Partial<ApiOptions> {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: loopback. */
  readonly host?: string;
  readonly latencyMs?: number;
}

/** A running double of the USAJOBS search API. */
export interface UsajobsDouble {
  /** `http://<host>:<port>`, for `baseUrl`. */
  readonly url: string;
  readonly key: string;
  readonly agent: string;
  /** The postings that a search finds now, best first; without parameters the usual search of the example. */
  readonly found: (params?: Readonly<Record<string, string>>) => readonly Posting[];
  /** The same announcement with another range, in USD a year. */
  readonly changePay: (id: string, minimum: number, maximum: number) => void;
  readonly remove: (id: string) => void;
  /** New postings that the usual search finds; returns their ids. */
  readonly add: (count: number) => readonly string[];
  /** The same postings, ranked anew. */
  readonly newDay: () => void;
  /** The next `requests` requests, or only those for `page`, meet the fault. */
  readonly fail: (requests: number, fault: Fault, page?: number) => void;
  /** Changes how every answer is given until it is changed again. */
  readonly behave: (change: Partial<Behaviour>) => void;
  /** Behaves well again, with no faults planned and an empty ledger. */
  readonly reset: () => void;
  readonly ledger: () => Ledger;
  /** Control numbers that were ever in a whole answer, sorted. */
  readonly distinctIds: () => readonly string[];
  readonly close: () => Promise<void>;
}

const defaults: ApiOptions = {
  seed: 1,
  postings: 742,
  dirty: true,
  key: 'made-up-key-of-the-double',
  agent: 'analyst@example.org',
  resultCap: 10_000,
  oversize: 'Clamp',
};

export async function startUsajobs(options: UsajobsOptions = {}): Promise<UsajobsDouble> {
  const { port = 0, host = '127.0.0.1', latencyMs = 0, ...given } = options;
  const settings = { ...defaults, ...given };
  const usual = { ...wellBehaved, latencyMs };
  const api = new Api(settings);
  api.behaviour = usual;
  const server = createServer((request, response) => {
    route(api, double, request, response).catch(() => response.destroy());
  });
  await listen(server, port, host);
  const { port: bound } = server.address() as AddressInfo;
  const double: UsajobsDouble = {
    url: `http://${host}:${bound}`,
    key: settings.key,
    agent: settings.agent,
    found: (params = usualSearch) => api.found(new URLSearchParams(params)),
    changePay: (id, minimum, maximum) => api.catalogue.changePay(id, minimum, maximum),
    remove: (id) => api.catalogue.remove(id),
    add: (count) => api.catalogue.add(count),
    newDay: () => api.catalogue.newDay(),
    fail: (requests, fault, page) => api.faults.add(requests, fault, page),
    behave: (change) => {
      api.behaviour = { ...api.behaviour, ...change };
    },
    reset: () => {
      api.behaviour = usual;
      api.faults.clear();
      api.log.clear();
    },
    ledger: () => api.log.ledger(),
    distinctIds: () => api.log.distinctIds(),
    close: () => close(server),
  };
  return double;
}

async function route(api: Api, double: UsajobsDouble, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname.startsWith('/_control/')) return await control(double, url, request, response);
  if (url.pathname.toLowerCase() !== '/api/search') return send(response, 404);
  if (request.method !== 'GET') return send(response, 405);
  await search(api, url.searchParams, request, response);
}

function send(response: ServerResponse, status: number): void {
  response.writeHead(status).end();
}

async function search(api: Api, params: URLSearchParams, request: IncomingMessage, response: ServerResponse) {
  const at = new Date().toISOString();
  const page = params.get('Page') ?? '1';
  const fault = api.faults.take(page);
  const right = api.reply(params, request.headers);
  const reply = fault ? spoilReply(right, fault) : right;
  const { status, served } = reply;
  api.log.add({ at, params: Object.fromEntries(params), page, status, served, ...(fault && { fault: fault.kind }) });
  await sleep(api.behaviour.latencyMs);
  if (fault?.kind !== 'Hang') sendReply(response, reply, fault?.kind === 'Cut');
}

function sendReply(response: ServerResponse, reply: Reply, cut: boolean): void {
  response.writeHead(reply.status, {
    'content-type': reply.type,
    'content-length': reply.body.length,
    ...(reply.retryAfter !== undefined && { 'retry-after': reply.retryAfter }),
  });
  if (!cut) {
    response.end(reply.body);
    return;
  }
  response.write(reply.body.subarray(0, reply.body.length >> 1), () => response.destroy());
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}
