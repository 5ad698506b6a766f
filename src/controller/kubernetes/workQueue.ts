import type { Reconcile, WorkQueue } from './api.ts';
import { backoff } from './backoff.ts';
import { type Clock, systemClock } from './clock.ts';

export interface WorkQueueOptions {
  /** Keys that are worked on at the same time. */
  readonly concurrency: number;
  readonly clock?: Clock;
  /** Between 0 and 1, for jitter. */
  readonly random?: () => number;
  /** What became of a key, and how long it took. Must not throw. */
  readonly onResult?: (key: string, seconds: number, error: unknown) => void;
}

const delays = { firstMs: 100, maxMs: 60_000 };

/**
 * Works on keys, first come first served. Whatever is held about a key is gone when it neither waits nor fails, so the
 * queue is never larger than the number of keys there are.
 */
export function startWorkQueue(reconcile: Reconcile, options: WorkQueueOptions): WorkQueue {
  const { concurrency, clock = systemClock, random = Math.random, onResult = () => undefined } = options;
  const waiting = new Set<string>();
  /** Keys under way, and whether they were added again meanwhile. */
  const active = new Map<string, { again: boolean }>();
  const failures = new Map<string, number>();
  const stopping = new AbortController();
  const idle = Promise.withResolvers<void>();

  const add = (key: string): void => {
    if (stopping.signal.aborted) return;
    const turn = active.get(key);
    if (turn) turn.again = true;
    else waiting.add(key);
    workOn();
  };
  const delayed = openDelays(clock, add);

  const workOn = (): void => {
    for (const key of waiting) {
      if (active.size >= concurrency || stopping.signal.aborted) return;
      waiting.delete(key);
      void work(key);
    }
  };

  const work = async (key: string): Promise<void> => {
    const turn = { again: false };
    active.set(key, turn);
    const begun = clock.now();
    const error = await outcome(() => reconcile(key, stopping.signal));
    active.delete(key);
    if (error === undefined) {
      failures.delete(key);
      if (turn.again) add(key);
    } else if (!stopping.signal.aborted) {
      // Also when it was added again: often by its own half-done work, which must not make it spin.
      const count = (failures.get(key) ?? 0) + 1;
      failures.set(key, count);
      delayed.add(key, backoff(count, delays, random));
    }
    onResult(key, (clock.now() - begun) / 1000, error);
    workOn();
    if (stopping.signal.aborted && active.size === 0) idle.resolve();
  };

  return {
    add,
    addAfter(key, ms) {
      if (!stopping.signal.aborted) delayed.add(key, ms);
    },
    size: () => ({ waiting: waiting.size, delayed: delayed.size(), active: active.size }),
    async stop() {
      stopping.abort(new Error('the controller is stopping'));
      delayed.clear();
      waiting.clear();
      if (active.size > 0) await idle.promise;
    },
  };
}

/** What a reconcile threw; `undefined` when it did not. */
async function outcome(reconcile: () => Promise<void>): Promise<unknown> {
  try {
    await reconcile();
    return undefined;
  } catch (error) {
    return error ?? new Error('rejected without a reason');
  }
}

/** Keys and when they are due: one timer, for the earliest. */
function openDelays(clock: Clock, due: (key: string) => void) {
  const times = new Map<string, number>();
  let timer: { readonly at: number; readonly cancel: () => void } | undefined;

  const setTimer = (at: number): void => {
    if (timer && timer.at <= at) return;
    timer?.cancel();
    timer = { at, cancel: clock.after(Math.max(0, at - clock.now()), ring) };
  };
  const ring = (): void => {
    timer = undefined;
    const now = clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, at] of times) {
      if (at > now) next = Math.min(next, at);
      else {
        times.delete(key);
        due(key);
      }
    }
    if (next !== Number.POSITIVE_INFINITY) setTimer(next);
  };

  return {
    add(key: string, ms: number): void {
      const at = clock.now() + ms;
      if (at >= (times.get(key) ?? Number.POSITIVE_INFINITY)) return;
      times.set(key, at);
      setTimer(at);
    },
    size: () => times.size,
    clear(): void {
      times.clear();
      timer?.cancel();
      timer = undefined;
    },
  };
}
