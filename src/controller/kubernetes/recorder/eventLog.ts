import type { EventRecorder, KubeObject } from '../api.ts';

export type EventText = Parameters<EventRecorder['event']>[1];

/** An event of an object, and how often it has happened. */
export interface Entry {
  readonly id: string;
  readonly about: KubeObject;
  readonly event: EventText;
  readonly firstAt: number;
  lastAt: number;
  count: number;
  /** Whether the API server has it, with an earlier count. */
  written: boolean;
  /** Times that writing it has failed. */
  failures: number;
}

/** What happened and what of it is still to be written. It has bounds: what is oldest is forgotten first. */
export interface EventLog {
  observe(about: KubeObject, event: EventText, now: number): void;
  /** The next entry to be written whose object may have one written now; to be put back when that fails. */
  take(now: number): Entry | undefined;
  putBack(entry: Entry): void;
  /** The next entry, whatever is allowed. */
  takeAny(): Entry | undefined;
  /** Milliseconds until `take` has something; `undefined` when nothing is to be written. */
  due(now: number): number | undefined;
}

/** The same is the same event again within this time of the last one, and a new one later. */
const seriesMs = 10 * 60_000;
const maxEntries = 1_000;
/** Writes about one object: so many at once, then one in so long. */
const burst = 20;
const refillMs = 10_000;

export function openEventLog(): EventLog {
  const entries = new Map<string, Entry>();
  /** Entries that are to be written, oldest first. */
  const pending = new Set<Entry>();
  /** Tokens used up by object, as a time: each write puts it off, each millisecond brings it closer. */
  const buckets = new Map<string, number>();

  const forget = (id: string, entry: Entry): void => {
    entries.delete(id);
    pending.delete(entry);
  };
  const waitFor = ({ about }: Entry, now: number): number =>
    Math.max(0, (buckets.get(objectOf(about)) ?? 0) + refillMs - now - burst * refillMs);
  const spend = ({ about }: Entry, now: number): void => {
    const object = objectOf(about);
    const full = Math.max(now, buckets.get(object) ?? 0) + refillMs;
    buckets.delete(object);
    buckets.set(object, full);
    for (const [key] of buckets) {
      if (buckets.size <= maxEntries) break;
      buckets.delete(key);
    }
  };

  return {
    observe(about, event, now) {
      const id = [objectOf(about), event.type, event.reason, event.action, event.note].join('\n');
      const known = entries.get(id);
      entries.delete(id);
      const same = known && now - known.lastAt < seriesMs ? known : undefined;
      const entry = same ?? {
        id,
        about: identityOf(about),
        event,
        firstAt: now,
        lastAt: now,
        count: 0,
        written: false,
        failures: 0,
      };
      entry.lastAt = now;
      entry.count += 1;
      entries.set(id, entry);
      pending.add(entry);
      for (const [oldest, old] of entries) {
        if (entries.size <= maxEntries) break;
        forget(oldest, old);
      }
      // The last count of a series that is over is not worth a write.
      if (known && !same) pending.delete(known);
    },
    take(now) {
      for (const entry of pending) {
        if (waitFor(entry, now) > 0) continue;
        pending.delete(entry);
        spend(entry, now);
        return entry;
      }
      return undefined;
    },
    putBack(entry) {
      if (entries.get(entry.id) === entry) pending.add(entry);
    },
    takeAny() {
      const [entry] = pending;
      if (entry) pending.delete(entry);
      return entry;
    },
    due(now) {
      const waits = [...pending].map((entry) => waitFor(entry, now));
      return waits.length === 0 ? undefined : Math.min(...waits);
    },
  };
}

/** An object may be large, and is of a version that the caches soon do not have any more. */
const identityOf = ({ apiVersion, kind, metadata }: KubeObject): KubeObject => {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    ...{ apiVersion, kind },
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
  };
};

const objectOf = ({ kind, metadata }: KubeObject): string =>
  metadata.uid ?? `${kind}/${metadata.namespace}/${metadata.name}`;
