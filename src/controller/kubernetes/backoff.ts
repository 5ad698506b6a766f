/** Milliseconds before the next try after so many failures in a row: doubled each time up to a limit, less up to half by chance. */
export function backoff(failures: number, { firstMs, maxMs }: BackoffLimits, random: () => number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return full * (1 - random() / 2);
}

export interface BackoffLimits {
  /** After the first failure. */
  readonly firstMs: number;
  readonly maxMs: number;
}
