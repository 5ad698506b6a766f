import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, KubernetesObject, WatchEvent } from './api.ts';

interface List<T> {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly T[];
}

/** What is told about a collection. */
export interface Follower<T> {
  changed(object: T): void;
  gone(object: T): void;
}

/**
 * Keeps up with all objects of a collection until the signal: lists, watches, and lists again whenever a watch ends,
 * so that nothing is missed while the API server is away.
 */
export async function follow<T extends KubernetesObject>(
  api: Api,
  path: string,
  follower: Follower<T>,
  signal: AbortSignal,
): Promise<void> {
  const known = new Map<string, T>();
  while (!signal.aborted) {
    try {
      const { metadata, items } = await api.get<List<T>>(path);
      takeAll(items, known, follower);
      const from = `${path}?watch=true&resourceVersion=${metadata.resourceVersion}`;
      for await (const event of api.watch<T>(from, signal)) {
        if (event.type === 'ERROR') break;
        take(event, known, follower);
      }
    } catch {
      // The API server is away, or we are to end; both are seen at the next turn.
    }
    await sleep(100, undefined, { signal }).catch(() => undefined);
  }
}

function takeAll<T extends KubernetesObject>(items: readonly T[], known: Map<string, T>, follower: Follower<T>): void {
  const present = new Set(items.map(({ metadata }) => metadata.uid));
  for (const object of [...known.values()].filter(({ metadata }) => !present.has(metadata.uid))) {
    take({ type: 'DELETED', object }, known, follower);
  }
  for (const object of items) take({ type: 'MODIFIED', object }, known, follower);
}

function take<T extends KubernetesObject>(event: WatchEvent<T>, known: Map<string, T>, follower: Follower<T>): void {
  const { type, object } = event;
  if (type === 'DELETED') {
    known.delete(object.metadata.uid);
    follower.gone(object);
  } else if (type !== 'BOOKMARK') {
    known.set(object.metadata.uid, object);
    follower.changed(object);
  }
}
