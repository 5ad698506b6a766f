/** What the source has counted while it was measured, as its ledger tells. */
export interface Paid {
  readonly credits: { readonly spent: number };
  /** How often each id was paid for. */
  readonly paid: Readonly<Record<string, number>>;
  readonly searches: number;
  readonly busiestSecond: number;
  /** Requests beyond the rate. */
  readonly throttled: number;
}

export interface Figures {
  /** Credits beyond one for each id that was not known. */
  readonly over: number;
  /** Ids that were paid for more than once while it was measured. */
  readonly twice: number;
  /** Ids that were known, and paid for once more. */
  readonly again: number;
  readonly lost: number;
  readonly searches: number;
  readonly breaches: number;
  readonly busiestSecond: number;
}

export interface Outcome {
  readonly known: readonly number[];
  /** All ids that the search finds, those that were known among them. */
  readonly wanted: readonly number[];
  /** Ids whose records there are in the end. */
  readonly found: readonly number[];
}

/** What a collector cost, and what it lost. */
export function figuresOf(
  { credits, paid, searches, busiestSecond, throttled }: Paid,
  { known, wanted, found }: Outcome,
): Figures {
  const there = new Set(found);
  const lost = wanted.filter((id) => !there.has(id)).length;
  if (there.size !== wanted.length - lost) throw new Error('something was collected that is not there');
  const twice = Object.values(paid).filter((times) => times > 1).length;
  const again = known.filter((id) => paid[id] !== undefined).length;
  const over = credits.spent - (wanted.length - known.length);
  return { over, twice, again, lost, searches, breaches: throttled, busiestSecond };
}

/** `perSecond`: requests that the source bears in a second, if it counts them. */
export function told(
  { over, twice, again, lost, searches, breaches, busiestSecond }: Figures,
  perSecond: number | undefined,
): string {
  const cost = `${over} credits over the ideal, ${twice} ids paid twice, ${again} that were known, ${lost} lost; ${searches} searches`;
  return perSecond === undefined
    ? cost
    : `${cost}, at most ${busiestSecond} requests in a second, ${breaches} refused for that`;
}
