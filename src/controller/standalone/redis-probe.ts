import { Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../../queue/connection.ts';

/** What a Redis says about itself. */
export interface RedisFacts {
  /** What it does when its memory is full, for example `noeviction`. */
  readonly maxmemoryPolicy: string | undefined;
}

/** Connects, logs in, waits until the data is loaded and asks one question; throws the first real cause when that fails. */
export async function probeRedis(address: RedisAddress, timeoutMs: number): Promise<RedisFacts> {
  const options: Omit<RedisOptions, 'replyMapping'> = {
    lazyConnect: true,
    retryStrategy: () => null,
    connectTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
  };
  const client = new Redis('path' in address ? address.path : address.url, options);
  // `connect()` rejects with "Connection is closed."; the reason comes as an event before that.
  let cause: Error | undefined;
  client.on('error', (error: Error) => {
    cause ??= error;
  });
  try {
    const info = await withTimeout(
      client.connect().then(() => client.info('memory')),
      timeoutMs,
    );
    return { maxmemoryPolicy: /^maxmemory_policy:(\S+)/m.exec(info)?.[1] };
  } catch (error) {
    throw cause ?? error;
  } finally {
    // On a connection that is closed already, it would keep this process alive for two more seconds.
    if (client.status !== 'end') client.disconnect();
  }
}

async function withTimeout<Value>(work: Promise<Value>, timeoutMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
