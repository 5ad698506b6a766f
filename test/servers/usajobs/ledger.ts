/** One request as the source saw it. Header values are not kept. */
export interface Request {
  /** Wall time at arrival, ISO 8601. */
  readonly at: string;
  readonly params: Readonly<Record<string, string>>;
  /** The page that was asked for, as it was asked for; 1 when the request named none. */
  readonly page: string;
  /** Status of the answer; 0 when the connection was left without one. */
  readonly status: number;
  /** The fault that was played, if one was. */
  readonly fault?: string;
  /** Control numbers in the answer. */
  readonly served: readonly string[];
}

export interface Ledger {
  readonly requests: readonly Request[];
  /** Older requests that are no longer listed. */
  readonly dropped: number;
}

const kept = 2000;

/** Remembers the latest requests, and every id that was ever served. */
export class RequestLog {
  #requests: Request[] = [];
  #dropped = 0;
  readonly #ids = new Set<string>();

  add(request: Request): void {
    this.#requests.push(request);
    for (const id of request.served) this.#ids.add(id);
    if (this.#requests.length > kept) {
      this.#requests.shift();
      this.#dropped += 1;
    }
  }

  ledger(): Ledger {
    return { requests: [...this.#requests], dropped: this.#dropped };
  }

  distinctIds(): readonly string[] {
    return [...this.#ids].sort();
  }

  clear(): void {
    this.#requests = [];
    this.#dropped = 0;
    this.#ids.clear();
  }
}
