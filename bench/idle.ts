/** A stretch of time, in milliseconds. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Milliseconds of a period in which no step was under way: before the first, between some, after the last. */
export interface Idle {
  readonly before: number;
  readonly between: number;
  readonly after: number;
}

/** Where nothing was under way, though a period went by. Steps may overlap and come in any order. */
export function idleOf(steps: readonly Stretch[], whole: Stretch): Idle {
  const sorted = steps.toSorted((a, b) => a.start - b.start);
  const first = sorted[0]?.start ?? whole.end;
  let [busyUntil, between] = [first, 0];
  for (const { start, end } of sorted) {
    between += Math.max(0, start - busyUntil);
    busyUntil = Math.max(busyUntil, end);
  }
  return { before: first - whole.start, between, after: whole.end - busyUntil };
}
