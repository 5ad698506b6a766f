/** Time, as loops are given it, so that a test can be ahead of it. */
export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Calls back once, unless what is returned is called before. */
  after(ms: number, callBack: () => void): () => void;
}

/** A timer takes no more than this; whoever waits longer looks again. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callBack) {
    const timer = setTimeout(callBack, Math.min(ms, longestTimerMs));
    return () => clearTimeout(timer);
  },
};

/** Settles after a while, or at once when the signal is aborted. */
export function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done);
  });
}
