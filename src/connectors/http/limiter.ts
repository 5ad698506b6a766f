/** Decides when a request may be sent. */
export interface Limiter {
  /** Waits for a turn. Whoever got one gives it back. */
  acquire(signal: AbortSignal): Promise<Turn>;
}

/** The right to send one request. */
export interface Turn {
  /** The response has been read; its place is kept. */
  answered(): void;
  /** Gives the place back; a request that was not said to be answered is answered by now. */
  release(): void;
}

export interface LimiterOptions {
  /** Requests under way at the same time. Default: any number. */
  readonly concurrency?: number;
  /** At most `requests` in any stretch of `perMs`. Default: as fast as they come. */
  readonly rate?: { readonly requests: number; readonly perMs: number };
}

/** The limits of sources, by limit key: whoever uses the same key shares them. */
export interface Limits {
  limiter(key: string, options: LimiterOptions): Limiter;
}

/** As fast as they come. */
export const unlimited: Limiter = {
  acquire: async (signal) => {
    signal.throwIfAborted();
    return { answered: () => undefined, release: () => undefined };
  },
};
