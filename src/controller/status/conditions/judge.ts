import type { Condition } from '../../../api/index.ts';
import { type Reason, reasons } from '../../../api/reasons.ts';
import type { Seen } from '../seen.ts';

/** What is found about one condition. */
export interface Verdict {
  readonly status: Condition['status'];
  readonly reason: Reason;
  readonly message: string;
}

/** Finds out about one condition. No judge knows of another. */
export type Judge = (seen: Seen) => Verdict;

/** Without a message of its own, a verdict says what its reason means. */
const verdict =
  (status: Verdict['status']) =>
  (reason: Reason, message: string = reasons[reason]): Verdict => ({ status, reason, message });

export const yes = verdict('True');
export const no = verdict('False');
export const unknown = verdict('Unknown');
