import type { PipelineStatus } from '../../api/index.ts';
import { canonical, type Json } from '../../run/key.ts';

/** Whether a status is to be written. */
export interface Settled {
  readonly write: boolean;
  /** When to look again, because what changed is not written yet. */
  readonly lookAgainAt?: Date;
}

/** Numbers that move all the time are written this often. */
const calmMs = 5_000;

/**
 * Decides whether a status is written now. What has not changed never is. A change of nothing but numbers that move all
 * the time waits until the last write is five seconds old; any other is written at once.
 */
export function settle(
  before: PipelineStatus | undefined,
  after: PipelineStatus,
  { wroteAt, now }: { readonly wroteAt: Date | undefined; readonly now: Date },
): Settled {
  if (same(before ?? {}, after)) return { write: false };
  const calmAt = (wroteAt?.getTime() ?? Number.NEGATIVE_INFINITY) + calmMs;
  if (now.getTime() >= calmAt || !same(still(before ?? {}), still(after))) return { write: true };
  return { write: false, lookAgainAt: new Date(calmAt) };
}

const same = (a: object, b: object): boolean => canonical(a as Json) === canonical(b as Json);

/** A status without the numbers that move all the time. */
function still({ backlog: _, stages = [], ...rest }: PipelineStatus): object {
  return {
    ...rest,
    stages: stages.map(({ name, queue = null, failed = null, scaling }) => ({
      ...{ name, queue, failed },
      ...{ reason: scaling?.reason ?? null, limits: scaling?.limits ?? [] },
    })),
  };
}
