import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, type ApiOptions, type Behaviour } from './api.ts';
import { usualSearch } from './catalogue.ts';
import { control } from './control.ts';
import type { Endpoint, Ledger } from './ledger.ts';
import { search } from './search.ts';

export interface CoresignalOptions extends Partial<ApiOptions>, Partial<Behaviour> {
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: loopback. */
  readonly host?: string;
}

/** A running double of the Coresignal job API. */
export interface CoresignalDouble {
  /** `http://<host>:<port>`, for `baseUrl`. */
  readonly url: string;
  readonly key: string;
  /** Ids that a search finds now, in its order; without filters the usual search of the example. */
  readonly found: (filters?: Readonly<Record<string, unknown>>) => readonly number[];
  /** New postings that the usual search finds, updated at a time (ISO 8601) or one after the other. */
  readonly add: (count: number, at?: string) => readonly number[];
  /** The same postings with another description, updated at a time. */
  readonly update: (ids: readonly number[], at: string) => void;
  /** These are still found, and gone when they are collected (404). */
  readonly lose: (ids: readonly number[]) => void;
  /** Credits that are left from now on. */
  readonly setCredits: (remaining: number) => void;
  /** The next `requests` requests, or only those to an endpoint, meet a status: 429 without Retry-After, 503, … */
  readonly fail: (requests: number, status: number, endpoint?: Endpoint) => void;
  /** Changes how every answer is given until it is changed again. */
  readonly behave: (change: Partial<Behaviour>) => void;
  /** Behaves well again, with no faults planned and an empty ledger; postings, lost ids and credits stay. */
  readonly reset: () => void;
  readonly ledger: () => Ledger;
  readonly close: () => Promise<void>;
}

const defaults: ApiOptions = {
  seed: 1,
  postings: 120,
  dirty: true,
  since: '2024-12-01T00:00:01Z',
  everyMinutes: 60,
  key: 'made-up-key-of-the-double-000000',
  credits: 10_000,
};

export async function startCoresignal(options: CoresignalOptions = {}): Promise<CoresignalDouble> {
  const { port = 0, host = '127.0.0.1', latencyMs = 0, perSecond = Number.POSITIVE_INFINITY, ...given } = options;
  const settings = { ...defaults, ...given };
  const usual: Behaviour = { latencyMs, perSecond };
  const api = new Api(settings);
  api.behaviour = usual;
  const server = createServer((request, response) => {
    route(api, double, request, response).catch(() => response.destroy());
  });
  server.listen(port, host);
  await once(server, 'listening');
  const double: CoresignalDouble = {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    key: settings.key,
    found: (filters = usualSearch) => foundBy(api, filters),
    add: (count, at) => api.catalogue.add(count, at),
    update: (ids, at) => api.catalogue.update(ids, at),
    lose: (ids) => {
      for (const id of ids) api.lost.add(id);
    },
    setCredits: (remaining) => {
      api.book.remaining = remaining;
    },
    fail: (requests, status, endpoint) => api.fail(requests, status, endpoint),
    behave: (change) => {
      api.behaviour = { ...api.behaviour, ...change };
    },
    reset: () => {
      api.behaviour = usual;
      api.clearFaults();
      api.book.clear();
    },
    ledger: () => api.book.ledger(),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return double;
}

/** All pages of a search, without asking over the wire. */
function foundBy(api: Api, filters: Readonly<Record<string, unknown>>): number[] {
  const found: number[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = search(api.catalogue.all(), filters, new URLSearchParams(after === '' ? {} : { after }));
    found.push(...page.ids);
    after = page.next;
  }
  return found;
}

async function route(api: Api, double: CoresignalDouble, request: IncomingMessage, response: ServerResponse) {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const { method = 'GET', headers } = request;
  const body = await text(request);
  if (url.pathname.startsWith('/_control/'))
    return control(double, `${method} ${url.pathname.slice(10)}`, body, response);
  const reply = api.reply({ method, url, headers, body });
  await sleep(api.behaviour.latencyMs);
  response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers }).end(reply.body);
}
