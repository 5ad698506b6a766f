import type { Limiter, LimiterOptions, Limits } from '../../../src/connectors/http/limiter.ts';
import { pause } from '../../../src/connectors/http/pause.ts';

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
        return { answered: () => undefined, release };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}

/** Limits that hold within one process. */
export function localLimits(): Limits {
  const limiters = new Map<string, Limiter>();
  return {
    limiter(key, options) {
      const limiter = limiters.get(key) ?? localLimiter(options);
      limiters.set(key, limiter);
      return limiter;
    },
  };
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
