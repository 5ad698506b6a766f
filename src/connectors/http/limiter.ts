import { pause } from './pause.ts';

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

/**
 * A limiter for this process. The rate holds for *any* stretch of time, not on average: a source that counts by the
 * clock's second never sees more than it allows, which a bucket that fills up while idle cannot promise.
 */
export function localLimiter({ concurrency = Number.POSITIVE_INFINITY, rate }: LimiterOptions): Limiter {
  const slots = semaphore(concurrency);
  const turns: number[] = [];

  const nextTurn = (): number => {
    const now = performance.now();
    if (!rate) return now;
    const oldest = turns.length < rate.requests ? undefined : turns.shift();
    const turn = oldest === undefined ? now : Math.max(now, oldest + rate.perMs);
    turns.push(turn);
    return turn;
  };

  return {
    async acquire(signal) {
      const release = await slots(signal);
      try {
        await pause(nextTurn() - performance.now(), signal);
        return release;
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

const shared = new Map<string, Limiter>();

/**
 * The one limiter of this process for a limit key, so that steps side by side obey it together.
 * There are as many as there are sources in the manifests this process serves.
 */
export function sharedLimiter(key: string, options: LimiterOptions): Limiter {
  const name = JSON.stringify([key, options.concurrency, options.rate?.requests, options.rate?.perMs]);
  const limiter = shared.get(name) ?? localLimiter(options);
  shared.set(name, limiter);
  return limiter;
}

/** Lets `places` in at a time, in the order in which they asked. */
function semaphore(places: number): (signal: AbortSignal) => Promise<() => void> {
  let taken = 0;
  const waiting = new Set<() => void>();

  const leave = () => {
    const [next] = waiting;
    if (next) next();
    else taken -= 1;
  };
  const wait = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const enter = () => {
        waiting.delete(enter);
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        waiting.delete(enter);
        reject(signal.reason);
      };
      waiting.add(enter);
      signal.addEventListener('abort', giveUp, { once: true });
    });

  return async (signal) => {
    signal.throwIfAborted();
    if (taken < places) taken += 1;
    else await wait(signal);
    let left = false;
    return () => {
      if (!left) leave();
      left = true;
    };
  };
}
