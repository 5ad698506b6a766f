import type { Job } from 'bullmq';
import { TerminalError, TransientError } from '../run/errors.ts';
import type { Failure } from '../run/types.ts';

/** How often a step is tried before it counts as failed. Requests have retries of their own inside a step. */
export const maxAttempts = 5;

/** Exponential from one second to a minute, with full jitter: many that failed together do not come back together. */
export const backoff = (attemptsMade: number): number =>
  Math.round(Math.random() * Math.min(60_000, 1000 * 2 ** (attemptsMade - 1)));

/** A thrown value as the failure of a job, without secrets. */
export function failureOf(job: Job, error: unknown, redact: (text: string) => string): Failure {
  const reasoned = error instanceof TerminalError || error instanceof TransientError;
  const reason = reasoned ? error.reason : 'RetriesExhausted';
  const message = redact(error instanceof Error ? error.message : String(error)).slice(0, 1000);
  const { dataset = '', stage = 'Plan', key = job.id ?? '' } = job.data.step ?? {};
  return { dataset, stage, key, reason, message };
}

export const encodeFailure = (failure: Failure): string => JSON.stringify(failure);

/** A job's failed reason as a failure; BullMQ's own reasons (a job that stalled too often) are told apart. */
export function decodeFailure(reason: string, of: Partial<Failure> = {}): Failure {
  try {
    return JSON.parse(reason) as Failure;
  } catch {
    const { dataset = '', stage = 'Plan', key = '' } = of;
    return { dataset, stage, key, reason: 'WorkerLost', message: reason };
  }
}
