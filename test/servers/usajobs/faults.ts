import { z } from 'zod';

/** What a request meets instead of an answer. */
export const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('Status'),
    status: z.number().int().min(400).max(599),
    /** Seconds or an HTTP date, sent as it is. */
    retryAfter: z.string().optional(),
  }),
  /** 200 and a page for people, as a login wall or a maintenance page answers. */
  z.strictObject({ kind: z.literal('Html') }),
  /** A complete answer whose JSON ends in the middle. */
  z.strictObject({ kind: z.literal('Short') }),
  /** The connection breaks in the middle of the body. */
  z.strictObject({ kind: z.literal('Cut') }),
  /** The connection stays open and silent. */
  z.strictObject({ kind: z.literal('Hang') }),
]);
export type Fault = z.output<typeof faultSchema>;

interface Planned {
  readonly fault: Fault;
  readonly page: number | undefined;
  left: number;
}

/** Faults that wait for their requests, first come first served. */
export class FaultPlan {
  #planned: Planned[] = [];

  /** The next `requests` requests, or only those for `page`, meet the fault. */
  add(requests: number, fault: Fault, page?: number): void {
    this.#planned.push({ fault, page, left: requests });
  }

  /** The fault of a request for this page, if one waits for it. */
  take(page: string): Fault | undefined {
    const planned = this.#planned.find((candidate) => candidate.page === undefined || String(candidate.page) === page);
    if (!planned) return undefined;
    planned.left -= 1;
    if (planned.left <= 0) this.#planned = this.#planned.filter((candidate) => candidate !== planned);
    return planned.fault;
  }

  clear(): void {
    this.#planned = [];
  }
}
