import type { Redis } from 'ioredis';
import type { Manifest, StageName } from '../run/types.ts';
import { redisKeys } from './names.ts';

/** What a worker tells the namespace: small, best effort, never the only place where something is known. */
export type WorkEvent =
  | { readonly type: 'planned'; readonly run: string }
  | {
      readonly type: 'started' | 'progress';
      readonly run: string;
      readonly dataset: string;
      readonly stage: StageName;
      readonly message?: string;
    }
  | {
      readonly type: 'published';
      readonly run: string;
      readonly manifest: Omit<Manifest, 'partitions' | 'schema' | 'inputs'>;
    }
  | {
      readonly type: 'retrying' | 'failed';
      readonly run: string;
      readonly dataset: string;
      readonly stage: StageName | 'Plan';
      readonly message: string;
    };

const streamLength = 10_000;

/** Appends to the namespace's event stream. */
export const tell = (redis: Redis, namespace: string, event: WorkEvent): Promise<unknown> =>
  redis.xadd(redisKeys.events(namespace), 'MAXLEN', '~', streamLength, '*', 'event', JSON.stringify(event));

/**
 * Events from now on, until the signal aborts. Blocks on a connection of its own; every second without one yields
 * `undefined`, so that the caller can look at what no event would tell (an emptied Redis).
 */
export async function* listen(
  redis: Redis,
  namespace: string,
  signal: AbortSignal,
): AsyncGenerator<WorkEvent | undefined> {
  const stream = redisKeys.events(namespace);
  // From the newest entry on: `$` would miss what comes between two reads.
  let last = (await redis.xrevrange(stream, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0';
  while (!signal.aborted) {
    const answer = await redis.xread('COUNT', 500, 'BLOCK', 1000, 'STREAMS', stream, last).catch(() => null);
    const entries = answer?.[0]?.[1] ?? [];
    if (entries.length === 0) yield undefined;
    for (const [id, fields] of entries) {
      last = id;
      if (fields[1] !== undefined) yield JSON.parse(fields[1]) as WorkEvent;
    }
  }
}
