import type { Clock } from '../../../../src/controller/kubernetes/clock.ts';

/** A clock that stands still until it is moved. */
export interface FakeClock extends Clock {
  /** Lets time pass, timer by timer, with all that follows from each. */
  pass(ms: number): Promise<void>;
  /** Timers that are set. */
  timers(): number;
}

export function fakeClock(): FakeClock {
  const timers = new Set<{ readonly at: number; readonly callBack: () => void }>();
  let now = 1_000_000;
  return {
    now: () => now,
    after(ms, callBack) {
      const timer = { at: now + ms, callBack };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async pass(ms) {
      const end = now + ms;
      for (;;) {
        await settle();
        const [next] = [...timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
        if (!next) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.callBack();
      }
      now = end;
    },
    timers: () => timers.size,
  };
}

/** Lets all promises that can settle do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
