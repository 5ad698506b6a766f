import { Redis, type RedisOptions } from 'ioredis';

/** Where Redis is: a Unix socket of our own, or a URL. */
export type RedisAddress = { readonly path: string } | { readonly url: string };

type Options = Omit<RedisOptions, 'replyMapping'>;

/** Commands wait while Redis is away: for workers and for the controller's loop, which can do nothing else. */
export const patient: Options = { maxRetriesPerRequest: null };

/** Connects; a lost connection is taken up again after at most two seconds, for ever. */
export function connect(address: RedisAddress, options: Options): Redis {
  const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 6), 2000);
  return new Redis('path' in address ? address.path : address.url, { ...options, retryStrategy });
}
