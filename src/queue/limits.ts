import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Limiter, LimiterOptions, Limits } from '../connectors/http/limiter.ts';
import { pause, untilAborted } from '../connectors/http/pause.ts';
import { answeredScript, keepScript, rememberScript, takeScript } from './limitScripts.ts';
import { redisKeys } from './names.ts';

/** A place whose holder died is free again after this long. */
const placeMs = 10_000;
/** How often a process asks again for a place; nobody tells it when a place of another process is free. */
const askAgainMs = 50;
/** More turns than these are not remembered one by one; a limit is told in shorter periods then. */
const mostTurns = 1000;

/** Waits for what is not there yet, timed. */
export type Timed = <Value>(work: () => Promise<Value>) => Promise<Value>;

export interface SharedLimits extends Limits {
  /** To be called when the process starts: what is asked first later on need not wait for it. */
  prepare(): Promise<void>;
}

/**
 * The limits of sources, over all workers of a namespace. Within this process turns come in the order in which they
 * were asked for; of several processes each asks for one turn at a time and waits as long as it is told.
 */
export function openLimits(redis: Redis, namespace: string, worker: string, timed: Timed): SharedLimits {
  const lines = new Map<string, Line>();
  const lineOf = (key: string): Line => {
    const line = lines.get(key) ?? openLine(redis, namespace, key, worker);
    lines.set(key, line);
    return line;
  };
  return {
    limiter: (key, options) => {
      const declared = declarationOf(options);
      return { acquire: (signal) => timed(() => lineOf(key).take(declared, signal)) };
    },
    prepare: async () => {
      await redis.eval(rememberScript, 1, redisKeys.limitsSince(namespace));
    },
  };
}

/** Those of one limit key who wait in this process. There are as many as there are sources in the manifests it serves. */
interface Line {
  take(declared: string, signal: AbortSignal): ReturnType<Limiter['acquire']>;
}

function openLine(redis: Redis, namespace: string, key: string, worker: string): Line {
  const turns = redisKeys.rateLease(namespace, key);
  const places = redisKeys.slotLease(namespace, key);
  const others = [redisKeys.limitDeclared(namespace, key), redisKeys.limitsSince(namespace)];
  const held = new Set<string>();
  let last: Promise<unknown> = Promise.resolve();
  let keeping: NodeJS.Timeout | undefined;

  const keep = () => {
    redis.eval(keepScript, 1, places, placeMs, ...held).catch(() => undefined); // asked again soon
  };
  const ask = async (declared: string, signal: AbortSignal): Promise<string> => {
    for (;;) {
      signal.throwIfAborted();
      const turn = `${worker}.${randomUUID()}`;
      const wait = Number(await redis.eval(takeScript, 4, turns, places, ...others, turn, declared, placeMs));
      if (wait === 0) return turn;
      // The jitter makes it a matter of chance which process comes first, not of who is quickest.
      await pause((wait > 0 ? wait : askAgainMs) + Math.random() * askAgainMs, signal);
    }
  };
  const answered = (turn: string) => {
    redis.eval(answeredScript, 1, turns, turn).catch(() => undefined); // then it counts a little longer
  };
  const giveBack = (turn: string) => {
    if (!held.delete(turn)) return;
    if (held.size === 0) clearInterval(keeping);
    answered(turn);
    redis.zrem(places, turn).catch(() => undefined); // it expires by itself
  };
  return {
    async take(declared, signal) {
      const turn = last.then(() => ask(declared, signal));
      last = turn.catch(() => undefined);
      const granted = await untilAborted(turn, signal).catch((error: unknown) => {
        turn.then(giveBackUnused, () => undefined);
        throw error;
      });
      hold(granted);
      return { answered: () => answered(granted), release: () => giveBack(granted) };
    },
  };

  function hold(turn: string): void {
    if (held.size === 0) keeping = setInterval(keep, placeMs / 3).unref();
    held.add(turn);
  }
  function giveBackUnused(turn: string): void {
    hold(turn);
    giveBack(turn);
  }
}

/** A limit as the script reads it. `k` periods of one `k`-th never hold more than one whole. */
export function declarationOf({ rate, concurrency = 0 }: LimiterOptions): string {
  if (!rate) return `0 0 ${concurrency}`;
  const parts = Math.ceil(rate.requests / mostTurns);
  return `${Math.floor(rate.requests / parts)} ${Math.ceil(rate.perMs / parts)} ${concurrency}`;
}
