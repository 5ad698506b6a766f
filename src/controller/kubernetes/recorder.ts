import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { ApiError, type EventRecorder, type KubeApi } from './api.ts';
import { type EventObject, resourceTypes } from './client/resources.ts';
import { type Clock, systemClock, wait } from './clock.ts';
import { microTime } from './leader.ts';
import { type Entry, openEventLog } from './recorder/eventLog.ts';

export interface RecorderContext {
  /** Who reports, such as `jobpulse.dev/controller`. */
  readonly component: string;
  /** This process. */
  readonly instance: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly clock?: Clock;
  readonly log: Logger;
  /** An event will not be written any more. */
  readonly onDropped?: () => void;
}

/** Limits of the API. */
const maxNoteBytes = 1024;
const maxInstanceLength = 128;
const maxNameLength = 253;

const maxFailures = 5;
const retryMs = 2_000;
const stopMs = 5_000;

/** Writes events one after the other in the background; what repeats becomes the count of a series. */
export function openRecorder(api: KubeApi, context: RecorderContext): EventRecorder {
  const { now, log, clock = systemClock } = context;
  const events = openEventLog();
  const names = new WeakMap<Entry, string>();
  const stopping = new AbortController();
  let woken = new AbortController();
  let writing: Promise<void> | undefined;

  const write = async (entry: Entry, signal: AbortSignal): Promise<void> => {
    const name = names.get(entry) ?? nameOf(entry);
    names.set(entry, name);
    await (entry.written ? writeSeries(api, entry, name, signal) : writeNew(api, entry, name, context, signal));
    entry.written = true;
    entry.failures = 0;
  };
  const failed = (entry: Entry, error: Error): void => {
    entry.failures += 1;
    // It may have gone with its time to live; the next one is a new event.
    if (error instanceof ApiError && error.status === 404) {
      entry.written = false;
      names.delete(entry);
    }
    const refused = error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 404;
    if (!refused && entry.failures < maxFailures) events.putBack(entry);
    else context.onDropped?.();
    log.debug({ cause: error.message, reason: entry.event.reason }, 'an event was not written');
  };

  const writeAll = async (): Promise<void> => {
    for (;;) {
      const entry = events.take(now());
      if (entry) {
        const error = await write(entry, stopping.signal).catch((caught: Error) => caught);
        if (error && !stopping.signal.aborted) failed(entry, error);
        else if (error) events.putBack(entry);
        if (error) await wait(clock, retryMs, stopping.signal);
      } else {
        const due = events.due(now());
        if (due === undefined) {
          // Here and now: an event that comes from now on starts the writer again.
          writing = undefined;
          return;
        }
        woken = new AbortController();
        await wait(clock, due, AbortSignal.any([stopping.signal, woken.signal]));
      }
      if (stopping.signal.aborted) return;
    }
  };

  return {
    event(about, event) {
      if (stopping.signal.aborted) return;
      const { note } = event;
      events.observe(about, { ...event, note: cut(note, maxNoteBytes) }, now());
      woken.abort();
      writing ??= writeAll().catch((error: Error) => log.error({ err: error }, 'the writer of events failed'));
    },
    async stop() {
      stopping.abort();
      await writing;
      const limit = AbortSignal.timeout(stopMs);
      for (let entry = events.takeAny(); entry && !limit.aborted; entry = events.takeAny()) {
        await write(entry, limit).catch((error: Error) =>
          log.debug({ cause: error.message }, 'an event was not written'),
        );
      }
    },
  };
}

/** As other components name theirs. The same entry keeps its name, so that one whose answer got lost is not written twice. */
function nameOf({ about: { metadata } }: Entry): string {
  const suffix = `.${randomBytes(8).toString('hex')}`;
  return metadata.name.slice(0, maxNameLength - suffix.length) + suffix;
}

async function writeNew(
  api: KubeApi,
  entry: Entry,
  name: string,
  { component, instance }: RecorderContext,
  signal: AbortSignal,
): Promise<void> {
  const { about, event, firstAt, lastAt, count } = entry;
  const { apiVersion, kind, metadata } = about;
  const { namespace = 'default', uid, resourceVersion } = metadata;
  const written: EventObject = {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    metadata: { namespace, name },
    eventTime: microTime(firstAt),
    reportingController: component,
    reportingInstance: instance.slice(0, maxInstanceLength),
    action: event.action,
    reason: event.reason,
    type: event.type ?? 'Normal',
    note: event.note,
    // Without the uid, kubectl describe does not find it.
    regarding: {
      apiVersion,
      kind,
      namespace,
      name: metadata.name,
      ...(uid && { uid }),
      ...(resourceVersion && { resourceVersion }),
    },
    ...(count > 1 && { series: { count, lastObservedTime: microTime(lastAt) } }),
  };
  await api.create(resourceTypes.events, written, signal).catch(async (error: unknown) => {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
    // It is there: the answer of an earlier attempt got lost, and it may have repeated since.
    if (count > 1) await writeSeries(api, entry, name, signal);
  });
}

async function writeSeries(
  api: KubeApi,
  { about, count, lastAt }: Entry,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const key = { namespace: about.metadata.namespace ?? 'default', name };
  const series = { count, lastObservedTime: microTime(lastAt) };
  await api.patch(resourceTypes.events, key, { series }, signal);
}

/** The beginning of a text that is too long, cut between characters. */
export function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  const ellipsis = '…';
  // What a character was cut in half to is left out.
  let end = maxBytes - Buffer.byteLength(ellipsis);
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString() + ellipsis;
}
