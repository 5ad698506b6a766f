/** Decides when a request may be sent. */
export interface Limiter {
  /** Waits for a turn. Whoever got one gives it back by calling the result when the response has been read. */
  acquire(signal: AbortSignal): Promise<() => void>;
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
    return () => undefined;
  },
};
