import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ApiError, type Informer, type KubeApi, type KubeObject, type ListOptions, type ResourceType } from './api.ts';
import { backoff } from './backoff.ts';
import { type Change, openStore, type Store } from './informer/store.ts';

export interface InformerOptions<Kind extends KubeObject> extends ListOptions {
  /**
   * What is kept of an object, given what was kept of it before; the less, the more objects fit. `managedFields` are
   * never kept.
   */
  readonly trim?: (object: Kind, before: Kind | undefined) => Kind;
  /** By what objects of a namespace are asked for together. */
  readonly groupOf?: (object: Kind) => string | undefined;
}

export interface InformerContext {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
  /** Called whenever a list or watch has failed and is begun again; a watch that the server ends in time is none. */
  readonly onRestart?: (error: unknown) => void;
  /** A watch that says nothing for so long is taken to be dead. Default: 90 s; bookmarks come within 75. */
  readonly idleMs?: number;
}

const delays = { firstMs: 200, maxMs: 30_000 };
const defaultIdleMs = 90_000;
/** A watch that has lived so long was a success, however it ended. */
const steadyMs = 5_000;

/**
 * Keeps a cache of one kind: a list, then a watch from its version on, for ever. Whatever ends the watch, it goes on where
 * it was; a list is only made again when the API server has forgotten that version.
 */
export function startInformer<Kind extends KubeObject>(
  api: KubeApi,
  type: ResourceType<Kind>,
  options: InformerOptions<Kind>,
  context: InformerContext,
): Informer<Kind> {
  const store = openStore<Kind>(options.groupOf);
  const stopping = new AbortController();
  const synced = Promise.withResolvers<void>();
  const announcer = openAnnouncer<Kind>(context.log);
  const keep = keeper(options, store);
  let heardAt = 0;

  const heard = (): void => {
    heardAt = context.now();
  };
  const loop = follow(
    { api, type, options, context, store, keep, heard, synced: synced.resolve },
    announcer.announce,
    stopping.signal,
  );

  return {
    synced: synced.promise,
    get: store.get,
    list: store.list,
    ownedBy: store.ownedBy,
    onChange: announcer.listen,
    remember: (object) => announcer.announce(store.remember(keep(object))),
    heardAt: () => heardAt,
    async stop() {
      stopping.abort();
      await loop;
    },
  };
}

interface Following<Kind extends KubeObject> {
  readonly api: KubeApi;
  readonly type: ResourceType<Kind>;
  readonly options: InformerOptions<Kind>;
  readonly context: InformerContext;
  readonly store: Store<Kind>;
  readonly keep: (object: Kind) => Kind;
  readonly heard: () => void;
  readonly synced: () => void;
}

type Announce<Kind> = (changes: readonly Change<Kind>[]) => void;

async function follow<Kind extends KubeObject>(
  following: Following<Kind>,
  announce: Announce<Kind>,
  stopped: AbortSignal,
): Promise<void> {
  const { context, type } = following;
  const log = context.log.child({ kind: type.kind });
  let failures = 0;
  let listed = false;
  while (!stopped.aborted) {
    let error: unknown;
    const begun = performance.now();
    try {
      if (!listed) await list(following, announce, stopped);
      listed = true;
      await watch(following, announce, stopped);
    } catch (caught) {
      error = caught;
    }
    if (stopped.aborted) return;
    failures = performance.now() - begun > steadyMs ? 1 : failures + 1;
    if (error !== undefined) {
      // 410: the server has forgotten the version that we are at.
      if (error instanceof ApiError && error.status === 410) listed = false;
      context.onRestart?.(error);
      // The first failures may be nothing; what lasts, such as a CRD that is missing, is told once.
      log[failures === 3 ? 'warn' : 'debug']({ cause: (error as Error).message }, 'list or watch failed; trying again');
    }
    await sleep(pauseAfter(error, failures), undefined, { signal: stopped }).catch(() => undefined);
  }
}

function pauseAfter(error: unknown, failures: number): number {
  const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(Math.min(asked, delays.maxMs), backoff(failures, delays, Math.random));
}

async function list<Kind extends KubeObject>(
  { api, type, options, store, keep, heard, synced }: Following<Kind>,
  announce: Announce<Kind>,
  stopped: AbortSignal,
): Promise<void> {
  const kept: Kind[] = [];
  let version = '';
  for await (const { items, resourceVersion } of api.list(type, options, stopped)) {
    heard();
    for (const item of items) kept.push(keep(item));
    version = resourceVersion;
  }
  announce(store.replace(kept, version));
  synced();
}

/** Until the watch ends or falls silent. */
async function watch<Kind extends KubeObject>(
  { api, type, options, store, keep, heard, context }: Following<Kind>,
  announce: Announce<Kind>,
  stopped: AbortSignal,
): Promise<void> {
  const { idleMs = defaultIdleMs } = context;
  const silent = new AbortController();
  const watchdog = setTimeout(() => silent.abort(), idleMs);
  try {
    const from = { ...options, resourceVersion: store.reached() ?? '' };
    for await (const event of api.watch(type, from, AbortSignal.any([stopped, silent.signal]))) {
      watchdog.refresh();
      heard();
      if (event.type === 'BOOKMARK') store.reach(event.resourceVersion);
      else if (event.type === 'DELETED') announce(store.remove(keep(event.object)));
      else announce(store.put(keep(event.object)));
    }
  } finally {
    clearTimeout(watchdog);
  }
  if (silent.signal.aborted) throw new Error(`the watch said nothing for ${idleMs / 1000} s`);
}

/** What of an object goes into the cache. */
function keeper<Kind extends KubeObject>(
  { metadataOnly, trim }: InformerOptions<Kind>,
  store: Store<Kind>,
): (object: Kind) => Kind {
  return (object) => {
    const { managedFields: _, ...metadata } = object.metadata as Kind['metadata'] & { managedFields?: unknown };
    const { apiVersion, kind } = object;
    // A remembered object is whole even where the cache has metadata only.
    const kept = (metadataOnly ? { apiVersion, kind, metadata } : { ...object, metadata }) as Kind;
    return trim ? trim(kept, store.get({ namespace: metadata.namespace ?? '', name: metadata.name })) : kept;
  };
}

/** Tells listeners of changes. One that throws neither stops the loop nor keeps others from hearing. */
function openAnnouncer<Kind extends KubeObject>(log: Logger) {
  type Listener = Parameters<Informer<Kind>['onChange']>[0];
  const listeners: Listener[] = [];
  return {
    listen(listener: Listener): void {
      listeners.push(listener);
    },
    announce(changes: readonly Change<Kind>[]): void {
      for (const { key, object, before } of changes) {
        for (const listener of listeners) {
          try {
            listener(key, object, before);
          } catch (error) {
            log.error({ err: error, key }, 'a listener of an informer failed');
          }
        }
      }
    },
  };
}
