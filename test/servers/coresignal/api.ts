import type { IncomingHttpHeaders } from 'node:http';
import { ZodError } from 'zod';
import { Catalogue, type CatalogueOptions } from './catalogue.ts';
import { Book, type Endpoint } from './ledger.ts';
import { recordOf } from './posting.ts';
import { search } from './search.ts';

export interface ApiOptions extends CatalogueOptions {
  readonly key: string;
  /** Credits of the account at the start. */
  readonly credits: number;
}

/** How every answer is given until it is changed again. */
export interface Behaviour {
  readonly latencyMs: number;
  /** Requests in any one second; beyond it a bare 429. */
  readonly perSecond: number;
}

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An answer before it is sent. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Planned {
  readonly status: number;
  readonly endpoint: Endpoint | undefined;
  left: number;
}

const searchPath = '/cdapi/v2/job_base/search/filter';
const collectPath = /^\/cdapi\/v2\/job_base\/collect\/(\d+)$/;

/** The service without its transport: what it holds, how it behaves, what it was asked and what it was paid. */
export class Api {
  readonly catalogue: Catalogue;
  readonly book: Book;
  readonly lost = new Set<number>();
  behaviour: Behaviour = { latencyMs: 0, perSecond: Number.POSITIVE_INFINITY };
  readonly #options: ApiOptions;
  #planned: Planned[] = [];

  constructor(options: ApiOptions) {
    this.#options = options;
    this.catalogue = new Catalogue(options);
    this.book = new Book(options.credits);
  }

  /** The next `requests` requests, or only those to an endpoint, meet a status. */
  fail(requests: number, status: number, endpoint?: Endpoint): void {
    this.#planned.push({ status, endpoint, left: requests });
  }

  clearFaults(): void {
    this.#planned = [];
  }

  /** Answers, charges and writes it down, at once: a client that dies while it waits has paid. */
  reply(asked: Asked): Reply {
    const at = new Date().toISOString();
    const [, id] = collectPath.exec(asked.url.pathname) ?? [];
    const endpoint = id === undefined ? (asked.url.pathname === searchPath ? 'Search' : 'Other') : 'Collect';
    const before = this.book.remaining;
    const reply = this.#judge(asked, endpoint, Number(id));
    const credits = before - this.book.remaining;
    this.book.add({ at, endpoint, asked: id ?? asked.url.search, status: reply.status, credits });
    return reply;
  }

  #judge(asked: Asked, endpoint: Endpoint, id: number): Reply {
    const inThisSecond = this.book.arrive(performance.now());
    if (asked.headers.apikey !== this.#options.key) return refusal(401, 'Invalid API key.');
    if (inThisSecond > this.behaviour.perSecond) return refusal(429, 'Too many requests.');
    const fault = this.#takeFault(endpoint);
    if (fault !== undefined) return refusal(fault, 'The request was not answered.');
    if (endpoint === 'Other') return refusal(404, 'Not Found');
    if (asked.method !== (endpoint === 'Search' ? 'POST' : 'GET')) return refusal(500, 'Internal Server Error');
    return endpoint === 'Search' ? this.#search(asked) : this.#collect(id);
  }

  #takeFault(endpoint: Endpoint): number | undefined {
    const planned = this.#planned.find((one) => one.endpoint === undefined || one.endpoint === endpoint);
    if (!planned) return undefined;
    planned.left -= 1;
    if (planned.left <= 0) this.#planned = this.#planned.filter((one) => one !== planned);
    return planned.status;
  }

  #search({ body, url }: Asked): Reply {
    try {
      const page = search(this.catalogue.all(), JSON.parse(body), url.searchParams);
      return ok(page.ids, {
        'x-total-results': String(page.total),
        'x-total-pages': String(page.pages),
        ...(page.next === undefined ? {} : { 'x-next-page-after': page.next }),
      });
    } catch (error) {
      if (error instanceof ZodError || error instanceof SyntaxError) return refusal(422, error.message);
      throw error;
    }
  }

  #collect(id: number): Reply {
    const posting = this.lost.has(id) ? undefined : this.catalogue.get(id);
    if (!posting) return refusal(404, 'Not Found');
    if (this.book.remaining <= 0) return refusal(402, 'Insufficient credits');
    this.book.pay(id);
    return ok(recordOf(posting, this.#options.seed), { 'x-credits-remaining': String(this.book.remaining) });
  }
}

const ok = (body: unknown, headers: Readonly<Record<string, string>>): Reply => ({
  status: 200,
  headers,
  body: JSON.stringify(body),
});

const refusal = (status: number, detail: string): Reply => ({ status, headers: {}, body: JSON.stringify({ detail }) });
