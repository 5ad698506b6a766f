import { setTimeout as sleep } from 'node:timers/promises';
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
      /** Why, in a word from the documented list. */
      readonly reason?: string;
      readonly message: string;
    };

const streamLength = 10_000;

/** Appends to the namespace's event stream. */
export const tell = (redis: Redis, namespace: string, event: WorkEvent): Promise<unknown> =>
  redis.xadd(redisKeys.events(namespace), 'MAXLEN', '~', streamLength, '*', 'event', JSON.stringify(event));

/** An event, and the namespace in which it happened. */
export interface Heard {
  readonly namespace: string;
  readonly event: WorkEvent;
}

/** Longest wait for an event; namespaces that come meanwhile are heard after it. */
const blockMs = 1000;

/**
 * Events of all namespaces from now on, until the signal aborts. Blocks on a connection of its own; every second without
 * one yields `undefined`, so that the caller can look at what no event would tell (an emptied Redis).
 */
export async function* listenTo(
  redis: Redis,
  namespaces: () => readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Heard | undefined> {
  const last = new Map<string, string>();
  while (!signal.aborted) {
    const now = namespaces();
    for (const namespace of last.keys()) if (!now.includes(namespace)) last.delete(namespace);
    for (const namespace of now) if (!last.has(namespace)) last.set(namespace, await newestOf(redis, namespace));
    const answer = last.size === 0 ? await nothingFor(blockMs, signal) : await read(redis, last);
    if (answer.length === 0) yield undefined;
    for (const { namespace, id, event } of answer) {
      last.set(namespace, id);
      if (event) yield { namespace, event };
    }
  }
}

/** Events of one namespace; see `listenTo`. */
export async function* listen(
  redis: Redis,
  namespace: string,
  signal: AbortSignal,
): AsyncGenerator<WorkEvent | undefined> {
  for await (const heard of listenTo(redis, () => [namespace], signal)) yield heard?.event;
}

/** From the newest entry on: `$` would miss what comes between two reads. */
const newestOf = async (redis: Redis, namespace: string): Promise<string> =>
  (await redis.xrevrange(redisKeys.events(namespace), '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0';

interface Entry {
  readonly namespace: string;
  readonly id: string;
  readonly event: WorkEvent | undefined;
}

async function read(redis: Redis, last: ReadonlyMap<string, string>): Promise<readonly Entry[]> {
  const byStream = new Map([...last.keys()].map((namespace) => [redisKeys.events(namespace), namespace]));
  const streams = [...byStream.keys(), ...last.values()];
  const answer = await redis.xread('COUNT', 500, 'BLOCK', blockMs, 'STREAMS', ...streams).catch(() => null);
  return (answer ?? []).flatMap(([stream, entries]) => {
    const namespace = byStream.get(stream);
    if (namespace === undefined) return [];
    return entries.map(([id, fields]) => ({
      namespace,
      id,
      event: fields[1] === undefined ? undefined : (JSON.parse(fields[1]) as WorkEvent),
    }));
  });
}

async function nothingFor(ms: number, signal: AbortSignal): Promise<readonly Entry[]> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
  return [];
}
