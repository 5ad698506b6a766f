/**
 * Every failure a step can end with, in three classes that decide what happens next.
 * Messages name where, what was found and how to fix it; they never hold a secret, a header or a row.
 */
export type RetryClass = 'transient' | 'throttled' | 'terminal';

/** A network fault, a 5xx, a lost lease: the step is tried again after a jittered delay and spends an attempt. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  /** Why the step failed, should this error be the last of all its attempts. */
  readonly reason: string;
  constructor(message: string, reason = 'RetriesExhausted') {
    super(message);
    this.reason = reason;
  }
}

/** The source asked us to wait: the step goes back to its queue for `retryAfterMs` and spends no attempt. */
export class ThrottledError extends Error {
  override readonly name = 'ThrottledError';
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Trying again would give the same answer: a wrong key, a broken manifest, a full disk. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  /** A word from the documented list of reasons, for status and alerts. */
  readonly reason: string;
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The class of any thrown value; what nobody classed is worth another try. */
export function retryClass(error: unknown): RetryClass {
  if (error instanceof ThrottledError) return 'throttled';
  if (error instanceof TerminalError) return 'terminal';
  return 'transient';
}
