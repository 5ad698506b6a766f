import type { IncomingHttpHeaders } from 'node:http';
import { type Behaviour, cutPage, type Page, render, wellBehaved } from './answer.ts';
import { Catalogue } from './catalogue.ts';
import { type Fault, FaultPlan } from './faults.ts';
import { RequestLog } from './ledger.ts';
import type { Posting } from './posting.ts';
import { find, isRefusal, parseSearch, type Search } from './search.ts';

/** What the double is and how strict it is. */
export interface ApiOptions {
  readonly seed: number;
  /** Postings that the usual search finds. */
  readonly postings: number;
  /** Whether some of them are spoilt. */
  readonly dirty: boolean;
  readonly key: string;
  readonly agent: string;
  /** Rows that one search serves at most. */
  readonly resultCap: number;
  /** What a page of more than 500 leads to. */
  readonly oversize: 'Clamp' | 'Reject';
}

/** An answer before it is sent. */
export interface Reply {
  readonly status: number;
  readonly type: 'application/json; charset=utf-8' | 'text/html; charset=utf-8';
  readonly body: Buffer;
  readonly served: readonly string[];
  readonly retryAfter?: string;
}

const cachedPages = 16;

/** The API without its transport: what it holds, how it behaves and what it was asked. */
export class Api {
  readonly catalogue: Catalogue;
  readonly log = new RequestLog();
  readonly faults = new FaultPlan();
  behaviour: Behaviour = wellBehaved;
  readonly #options: ApiOptions;
  readonly #cache = new Map<string, Reply>();
  #answered = 0;

  constructor(options: ApiOptions) {
    this.#options = options;
    this.catalogue = new Catalogue(options);
  }

  /** The postings that a search finds now, best first. */
  found(params: URLSearchParams): readonly Posting[] {
    const search = parseSearch(params, 'Clamp');
    if (isRefusal(search)) throw new Error(search.message);
    return find(search, this.catalogue.ranked()).map(({ posting }) => posting);
  }

  /** What a well-connected client is answered. */
  reply(params: URLSearchParams, headers: IncomingHttpHeaders): Reply {
    const { key, agent, oversize } = this.#options;
    if (headers['authorization-key'] !== key || headers['user-agent'] !== agent) {
      return message(401, 'Authorization has been denied for this request.');
    }
    const search = parseSearch(params, oversize);
    return isRefusal(search) ? message(search.status, search.message) : this.#answer(search);
  }

  /** Pages of an unchanged catalogue are made once. */
  #answer(search: Search): Reply {
    const { drift, repeat, half } = this.behaviour;
    const moved = drift * this.#answered++;
    const name = JSON.stringify([this.catalogue.version, search, moved, repeat, half]);
    const reply = this.#cache.get(name) ?? this.#make(search, moved);
    this.#cache.set(name, reply);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > cachedPages && oldest !== undefined) this.#cache.delete(oldest);
    return reply;
  }

  #make(search: Search, moved: number): Reply {
    const found = find(search, this.catalogue.ranked());
    const { resultCap } = this.#options;
    return ok(cutPage({ found, search, behaviour: this.behaviour, resultCap, moved }), search);
  }
}

const json = 'application/json; charset=utf-8';

const ok = (page: Page, search: Search): Reply => ({
  status: 200,
  type: json,
  body: Buffer.from(render(page, search)),
  served: page.rows.map(({ posting }) => posting.id),
});

const message = (status: number, text: string): Reply => ({
  status,
  type: json,
  body: Buffer.from(JSON.stringify({ Message: text })),
  served: [],
});

const html = `<!DOCTYPE html>
<html><head><title>Scheduled maintenance</title></head><body><h1>We will be back soon</h1></body></html>
`;

/** What a faulty source sends instead of the right reply; a connection that breaks or hangs is up to the sender. */
export function spoilReply(reply: Reply, fault: Fault): Reply {
  switch (fault.kind) {
    case 'Status': {
      const { status, retryAfter } = fault;
      return { ...message(status, 'The request was not answered.'), ...(retryAfter !== undefined && { retryAfter }) };
    }
    case 'Html':
      return { status: 200, type: 'text/html; charset=utf-8', body: Buffer.from(html), served: [] };
    case 'Short':
      return { ...reply, body: reply.body.subarray(0, reply.body.length >> 1), served: [] };
    case 'Cut':
      return { ...reply, served: [] };
    case 'Hang':
      return { ...reply, status: 0, served: [] };
  }
}
