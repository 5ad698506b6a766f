import { Redis } from 'ioredis';

/** Where Redis is: a Unix socket of our own, or a URL. */
export type RedisAddress = { readonly path: string } | { readonly url: string };

/**
 * Commands wait while Redis is away, for workers and controller can do nothing without it; a lost connection is taken
 * up again after at most two seconds, for ever.
 */
const patient = {
  maxRetriesPerRequest: null,
  retryStrategy: (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 2000),
};

/** Connects; whoever does so also disconnects. */
export const connect = (address: RedisAddress): Redis =>
  new Redis('path' in address ? address.path : address.url, patient);

/** How a BullMQ worker makes connections of its own, which it closes when it is closed. */
export const ownConnection = (address: RedisAddress) => ({ ...patient, ...address });
