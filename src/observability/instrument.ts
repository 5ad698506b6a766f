import { AsyncLocalStorage } from 'node:async_hooks';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { KubeApi, Reconcile, WorkQueue } from '../controller/kubernetes/api.ts';
import { countingApi } from './countingApi.ts';
import type { Instruments } from './registry.ts';

/** Measures the parts of a controller process. What it gives back does what it was given, and is used in its place. */
export interface Instrumentation {
  /** Counts calls, and attributes writes to the reconcile that made them. */
  api(api: KubeApi): KubeApi;
  /**
   * Counts and times reconciles. What one writes that nothing but a resync called for is counted as a write in the
   * steady state. `isResync` is asked when one begins; by default the measured queue of the controller knows.
   */
  reconcile(controller: string, reconcile: Reconcile, isResync?: (key: string) => boolean): Reconcile;
  /** Tells how much waits in a work queue, and how long keys wait for the reconcile of the same controller. */
  queue(controller: string, queue: WorkQueue): MeasuredQueue;
  /** A kind is watched; what is given back is called whenever its watch broke or fell silent, and was begun again. */
  watch(kind: string): () => void;
  /** An event about a resource could not be written. */
  eventDropped(): void;
  /** Whether this process leads its installation; it does not before it says so. */
  leads(isLeader: boolean): void;
}

/** A work queue that knows why a key was added. */
export interface MeasuredQueue extends WorkQueue {
  /** Adds a key although nothing is known to have changed. */
  resync(key: string): void;
}

/** The keys of one controller that wait. */
interface Waiting {
  /** Since when, or from when on. */
  readonly since: Map<string, number>;
  /** Those that nothing but a resync called for. */
  readonly resyncs: Set<string>;
}

export function instrumentation(instruments: Instruments): Instrumentation {
  const current = new AsyncLocalStorage<{ writes: number }>();
  const waiting = new Map<string, Waiting>();
  const waitingOf = (controller: string): Waiting => {
    const known = waiting.get(controller) ?? { since: new Map(), resyncs: new Set() };
    waiting.set(controller, known);
    return known;
  };
  // Known from the start, so that their first rise is seen.
  instruments.set('leader', {}, 0);
  instruments.add('events_dropped_total', {}, 0);
  return {
    api: (api) =>
      countingApi(api, ({ verb, code, isWrite }) => {
        instruments.add('api_requests_total', { verb, code }, 1);
        const reconcile = current.getStore();
        if (isWrite && reconcile) reconcile.writes += 1;
      }),
    reconcile(controller, reconcile, isResync) {
      instruments.add('steady_state_writes_total', { controller }, 0);
      const count = counted(instruments, controller);
      return (key, signal) => {
        const { since, resyncs } = waitingOf(controller);
        const made = { writes: 0, isResync: isResync?.(key) ?? resyncs.delete(key) };
        tellWait(instruments, controller, since, key);
        return current.run(made, () => count(made, () => reconcile(key, signal), signal));
      };
    },
    queue(controller, queue) {
      instruments.collect((set) => {
        for (const [state, keys] of Object.entries(queue.size())) set('work_queue_depth', { controller, state }, keys);
      });
      return measuredQueue(queue, waitingOf(controller));
    },
    watch(kind) {
      instruments.add('watch_restarts_total', { kind }, 0);
      return () => instruments.add('watch_restarts_total', { kind }, 1);
    },
    eventDropped: () => instruments.add('events_dropped_total', {}, 1),
    leads: (isLeader) => instruments.set('leader', {}, isLeader ? 1 : 0),
  };
}

type Made = { readonly writes: number; readonly isResync: boolean };

function counted(instruments: Instruments, controller: string) {
  return async (made: Made, work: () => Promise<void>, signal: AbortSignal): Promise<void> => {
    const began = performance.now();
    const end = (result: 'success' | 'error' | 'stopped'): void => {
      instruments.add('reconcile_total', { controller, result }, 1);
      instruments.observe('reconcile_seconds', { controller }, (performance.now() - began) / 1000);
      if (made.isResync) instruments.add('steady_state_writes_total', { controller }, made.writes);
    };
    try {
      await work();
    } catch (error) {
      end(signal.aborted ? 'stopped' : 'error');
      throw error;
    }
    end('success');
  };
}

function tellWait(instruments: Instruments, controller: string, waiting: Map<string, number>, key: string): void {
  const since = waiting.get(key);
  if (since === undefined) return; // the queue tries it again by itself
  waiting.delete(key);
  instruments.observe('work_queue_wait_seconds', { controller }, Math.max(0, performance.now() - since) / 1000);
}

/** Remembers why and since when each key waits: as many as the queue holds. */
function measuredQueue(queue: WorkQueue, { since, resyncs }: Waiting): MeasuredQueue {
  const waitsFrom = (key: string, at: number): void => {
    since.set(key, Math.min(since.get(key) ?? at, at));
  };
  return {
    add(key) {
      resyncs.delete(key);
      waitsFrom(key, performance.now());
      queue.add(key);
    },
    resync(key) {
      if (!since.has(key)) resyncs.add(key);
      waitsFrom(key, performance.now());
      queue.add(key);
    },
    addAfter(key, ms) {
      resyncs.delete(key);
      waitsFrom(key, performance.now() + ms);
      queue.addAfter(key, ms);
    },
    size: () => queue.size(),
    async stop() {
      await queue.stop();
      since.clear();
      resyncs.clear();
    },
  };
}

/**
 * Tells at each scrape how late the event loop came round since the one before, or within the last second if that was
 * later. Returns how to stop.
 */
export function watchEventLoop(instruments: Instruments): () => void {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  let late = new Map(quantiles.map((quantile) => [quantile, 0]));
  delays.enable();
  instruments.collect((set) => {
    if (delays.count > 0) late = new Map(quantiles.map((quantile) => [quantile, lateness(delays, quantile)]));
    for (const [quantile, seconds] of late) set('loop_lag_seconds', { quantile: String(quantile) }, seconds);
    // Two that scrape must not leave each other nothing to see.
    if (delays.count >= 1000 / resolutionMs) delays.reset();
  });
  return () => void delays.disable();
}

const resolutionMs = 20;
const quantiles = [0.5, 0.99, 1];

/** What is measured holds the time that was asked for. */
const lateness = (delays: ReturnType<typeof monitorEventLoopDelay>, quantile: number): number =>
  Math.max(0, delays.percentile(quantile * 100) / 1e9 - resolutionMs / 1000);
