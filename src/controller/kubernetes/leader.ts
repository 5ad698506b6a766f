import type { Logger } from 'pino';
import { ApiError, type KubeApi, type Leadership, type ObjectKey } from './api.ts';
import { type LeaseObject, resourceTypes } from './client/resources.ts';
import { type Clock, systemClock, wait } from './clock.ts';

export interface CampaignOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Of the Lease. */
  readonly name: string;
  /** Of this process among all that run for the same lease: unique, as the name of a pod. */
  readonly identity: string;
  readonly clock?: Clock;
  readonly log: Logger;
  /** A lease that was not renewed for so long is free. Default: 15. */
  readonly leaseSeconds?: number;
  /**
   * A leader that could not renew for so long is none any more; shorter than `leaseSeconds` by what clocks may differ in
   * pace, and by what ending takes. Default: two thirds of it.
   */
  readonly renewSeconds?: number;
  /** Between two renewals, or two looks at another's lease. Default: a fifth of `renewSeconds`. */
  readonly retrySeconds?: number;
}

type Settings = Required<CampaignOptions> & { readonly key: ObjectKey };

/**
 * Waits until this process leads. At most one does at any time: a lease is only ever written onto the version that was
 * read, and others take it `leaseSeconds` after they saw it change, by their own clocks, when its holder has known for a
 * while that it is lost. The signal ends the waiting, not the leadership.
 */
export async function campaign(options: CampaignOptions, signal: AbortSignal): Promise<Leadership> {
  const { namespace, name, leaseSeconds = 15, renewSeconds = (leaseSeconds * 2) / 3 } = options;
  const defaults = { clock: systemClock, leaseSeconds, renewSeconds, retrySeconds: renewSeconds / 5 };
  const settings = { ...defaults, ...options, key: { namespace, name } };
  const { clock, log, identity } = settings;
  const judge = openJudge(settings);
  const tell = teller(settings);
  for (;;) {
    signal.throwIfAborted();
    const asked = clock.now();
    const taken = await tryToTake(settings, judge, signal).catch((error: Error) => tell(error));
    // Won so late that it may be over already, it is left to run out.
    if (taken && clock.now() - asked < settings.renewSeconds * 1000) {
      log.info({ lease: name, identity, epoch: epochOf(taken) }, 'leading');
      return lead(settings, taken, asked);
    }
    signal.throwIfAborted();
    await wait(clock, settings.retrySeconds * 1000 * (0.8 + Math.random() * 0.2), signal);
  }
}

/** Logs why the lease could not be taken, each cause once: a missing right would otherwise look like a long wait. */
function teller({ log, name }: Settings): (error: Error) => undefined {
  let last = '';
  return (error) => {
    // Another one was quicker.
    const usual = error instanceof ApiError && error.status === 409;
    if (!usual && error.message !== last) log.warn({ lease: name, cause: error.message }, 'the lease cannot be taken');
    last = usual ? '' : error.message;
  };
}

type Judge = (lease: LeaseObject) => boolean;

/** Whether a lease is free: given back, or not changed for its duration since this process saw it first. */
function openJudge({ clock, leaseSeconds }: Settings): Judge {
  let seen: { readonly version: string | undefined; readonly at: number } | undefined;
  return ({ metadata, spec }) => {
    if (seen === undefined || seen.version !== metadata.resourceVersion) {
      seen = { version: metadata.resourceVersion, at: clock.now() };
    }
    const duration = (spec.leaseDurationSeconds ?? leaseSeconds) * 1000;
    return !spec.holderIdentity || clock.now() - seen.at >= duration;
  };
}

/** The lease when it is ours now. A lease held under our own identity is that of a process before us: it is waited for too. */
async function tryToTake(settings: Settings, isFree: Judge, signal: AbortSignal): Promise<LeaseObject | undefined> {
  const { api, key } = settings;
  const limit = callLimit(settings, signal);
  const lease = await api.get(resourceTypes.leases, key, limit);
  const term = { ...heldBy(settings), acquireTime: microTime() };
  if (lease === undefined) {
    const { namespace, name } = key;
    // Begins above the numbers of a lease that was deleted, so that what they fence does not refuse the new leader.
    const spec = { ...term, leaseTransitions: Math.floor(Date.now() / 60_000) };
    const fresh = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name }, spec };
    return api.create(resourceTypes.leases, fresh, limit);
  }
  if (!isFree(lease)) return undefined;
  return write(settings, lease, { ...term, leaseTransitions: epochOf(lease) + 1 }, signal);
}

const epochOf = ({ spec }: LeaseObject): number => spec.leaseTransitions ?? 0;

const heldBy = ({ identity, leaseSeconds }: Settings): LeaseObject['spec'] => ({
  holderIdentity: identity,
  leaseDurationSeconds: leaseSeconds,
  renewTime: microTime(),
});

/** Onto the version that was read, or not at all. */
const write = (settings: Settings, { metadata }: LeaseObject, spec: LeaseObject['spec'], signal: AbortSignal) =>
  settings.api.patch(
    resourceTypes.leases,
    settings.key,
    { metadata: { resourceVersion: metadata.resourceVersion }, spec },
    callLimit(settings, signal),
  );

/** A call that hangs must leave time for another one before the lease is lost. */
const callLimit = ({ renewSeconds }: Settings, signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(Math.ceil((renewSeconds * 1000) / 3))]);

/** Leads, and renews until the lease is given back or lost. */
function lead(settings: Settings, taken: LeaseObject, asked: number): Leadership {
  const { clock, log, renewSeconds, retrySeconds, name } = settings;
  const lost = new AbortController();
  let lease = taken;
  let cancelDeadline = (): void => undefined;

  const lose = (why: string): void => {
    if (lost.signal.aborted) return;
    cancelDeadline();
    lost.abort(new Error(why));
  };
  /** The time runs from the moment a renewal was asked for: the server has it later than that. */
  const extend = (from: number): void => {
    cancelDeadline();
    const left = from + renewSeconds * 1000 - clock.now();
    cancelDeadline = clock.after(Math.max(0, left), () => lose(`the lease ${name} could not be renewed in time`));
  };

  const renew = async (): Promise<void> => {
    while (!lost.signal.aborted) {
      await wait(clock, retrySeconds * 1000, lost.signal);
      if (lost.signal.aborted) return;
      const begun = clock.now();
      const renewed = await rewrite(settings, lease, heldBy(settings), lost.signal).catch((error: Error) => error);
      if (lost.signal.aborted) return;
      if (renewed === undefined) lose(`another process has the lease ${name}`);
      else if (renewed instanceof Error) log.warn({ lease: name, cause: renewed.message }, 'the lease was not renewed');
      else {
        lease = renewed;
        extend(begun);
      }
    }
  };

  extend(asked);
  const renewing = renew();
  lost.signal.addEventListener('abort', () =>
    log.info({ lease: name, cause: lost.signal.reason.message }, 'not leading any more'),
  );
  return {
    epoch: epochOf(taken),
    lost: lost.signal,
    async release() {
      const ours = !lost.signal.aborted;
      lose('the lease was given back');
      await renewing;
      if (!ours) return;
      // An empty holder: whoever looks next may take it.
      const empty = { holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime() };
      await rewrite(settings, lease, empty, new AbortController().signal).catch((error: Error) =>
        log.warn({ lease: name, cause: error.message }, 'the lease was not given back; it runs out by itself'),
      );
    },
  };
}

/** Writes what is ours; `undefined` when it is another's now. */
async function rewrite(settings: Settings, lease: LeaseObject, spec: LeaseObject['spec'], signal: AbortSignal) {
  try {
    return await write(settings, lease, spec, signal);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  }
  // The conflict may be with a write of our own whose answer got lost.
  const found = await settings.api.get(resourceTypes.leases, settings.key, callLimit(settings, signal));
  const ours = found?.spec.holderIdentity === settings.identity && epochOf(found) === epochOf(lease);
  return ours ? write(settings, found, spec, signal) : undefined;
}

/** Times of a Lease and an Event have microseconds. */
export const microTime = (ms = Date.now()): string => new Date(ms).toISOString().replace('Z', '000Z');
