import type { Redis } from 'ioredis';
import type { Probe } from '../observability/serve.ts';

/** Redis answers in less than a millisecond; when it has not for so long, something else is wrong than its load. */
const silenceMs = 20_000;

export interface HealthOptions {
  readonly redis: Pick<Redis, 'status' | 'ping'>;
  /** Whether jobs are taken from all queues. */
  readonly isServing: () => boolean;
  /** Whether the process is about to end: it takes no jobs then, and is alive all the same. */
  readonly isEnding: () => boolean;
  /** In milliseconds. */
  readonly now: () => number;
}

/** What a worker says of itself when it is asked. */
export interface Health {
  /** Call it every few seconds: sees whether Redis answers. */
  beat(): void;
  /**
   * The event loop turns, Redis answers and jobs are taken, or the process is about to end. Redis being away fails it:
   * a connection that hangs, and a URL that has changed, are mended by a new start. A long step does not.
   */
  readonly live: Probe;
  /** The same, and the process is not about to end. */
  readonly ready: Probe;
}

export function openHealth({ redis, isServing, isEnding, now }: HealthOptions): Health {
  let answeredAt = now();
  let asking = false;
  const trouble: Probe = () => {
    const silence = now() - answeredAt;
    if (silence > silenceMs) return `Redis has not answered for ${Math.round(silence / 1000)} s`;
    return isServing() ? undefined : 'a queue is not served any more';
  };
  return {
    beat() {
      if (asking || redis.status !== 'ready') return; // questions wait while Redis is away: one of them is enough
      asking = true;
      redis
        .ping()
        .then(() => {
          answeredAt = now();
        })
        .catch(() => undefined)
        .finally(() => {
          asking = false;
        });
    },
    live: () => (isEnding() ? undefined : trouble()),
    ready: () => {
      if (isEnding()) return 'the worker is about to end';
      return redis.status === 'ready' ? trouble() : 'there is no connection to Redis';
    },
  };
}
