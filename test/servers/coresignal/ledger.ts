export type Endpoint = 'Search' | 'Collect' | 'Other';

/** One request as the service saw it. Header values are not kept. */
export interface Request {
  /** Wall time at arrival, ISO 8601. */
  readonly at: string;
  readonly endpoint: Endpoint;
  /** What was asked for: the id, or the parameters of a search. */
  readonly asked: string;
  readonly status: number;
  readonly credits: number;
}

/** What the service has counted itself, whatever its client believes. */
export interface Ledger {
  readonly requests: readonly Request[];
  /** Older requests that are no longer listed. */
  readonly dropped: number;
  readonly searches: number;
  /** Records that were given, and paid for. */
  readonly collected: number;
  readonly credits: { readonly spent: number; readonly remaining: number };
  /** How often each id was paid for. */
  readonly paid: Readonly<Record<string, number>>;
  /** Most requests in any one second, those beyond the rate included. */
  readonly busiestSecond: number;
  readonly throttled: number;
}

const kept = 5000;

/** Remembers what was asked and paid for. */
export class Book {
  #requests: Request[] = [];
  #dropped = 0;
  #remaining: number;
  #arrivals: number[] = [];
  #busiest = 0;
  #counts = { searches: 0, throttled: 0 };
  readonly #paid = new Map<number, number>();

  constructor(credits: number) {
    this.#remaining = credits;
  }

  get remaining(): number {
    return this.#remaining;
  }

  set remaining(credits: number) {
    this.#remaining = credits;
  }

  /** Notes an arrival; the number of requests in the second that ends with it. */
  arrive(now: number): number {
    this.#arrivals = [...this.#arrivals.filter((at) => now - at < 1000), now].slice(-1000);
    this.#busiest = Math.max(this.#busiest, this.#arrivals.length);
    return this.#arrivals.length;
  }

  pay(id: number): void {
    this.#remaining -= 1;
    this.#paid.set(id, (this.#paid.get(id) ?? 0) + 1);
  }

  add(request: Request): void {
    this.#requests.push(request);
    if (request.endpoint === 'Search' && request.status === 200) this.#counts.searches += 1;
    if (request.status === 429) this.#counts.throttled += 1;
    if (this.#requests.length <= kept) return;
    this.#requests.shift();
    this.#dropped += 1;
  }

  ledger(): Ledger {
    const spent = [...this.#paid.values()].reduce((sum, times) => sum + times, 0);
    return {
      requests: [...this.#requests],
      dropped: this.#dropped,
      ...this.#counts,
      collected: spent,
      credits: { spent, remaining: this.#remaining },
      paid: Object.fromEntries(this.#paid),
      busiestSecond: this.#busiest,
    };
  }

  /** Forgets what was asked and paid; the credits that are left stay. */
  clear(): void {
    this.#requests = [];
    this.#dropped = 0;
    this.#arrivals = [];
    this.#busiest = 0;
    this.#counts = { searches: 0, throttled: 0 };
    this.#paid.clear();
  }
}
