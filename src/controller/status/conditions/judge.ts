import type { Condition } from '../../../api/index.ts';
import type { Reason } from '../../../api/reasons.ts';
import type { Seen } from '../seen.ts';

/** What is found about one condition. */
export interface Verdict {
  readonly status: Condition['status'];
  readonly reason: Reason;
  readonly message: string;
}

/** Finds out about one condition. No judge knows of another. */
export type Judge = (seen: Seen) => Verdict;

export const yes = (reason: Reason, message = ''): Verdict => ({ status: 'True', reason, message });
export const no = (reason: Reason, message = ''): Verdict => ({ status: 'False', reason, message });
export const unknown = (reason: Reason, message = ''): Verdict => ({ status: 'Unknown', reason, message });
