/** A server without which no step of a run gets on, and that no step can do anything about. */
export type Away = keyof typeof what;

const what = { LakeAway: 'lake', WarehouseAway: 'warehouse' } as const;

/** Which server is away when a step fails for this reason; `undefined`: the reason is another one. */
export function awayOf(reason: string | undefined): Away | undefined {
  if (reason === 'StoreUnreachable') return 'LakeAway';
  return reason === 'WarehouseUnavailable' ? 'WarehouseAway' : undefined;
}

/** For people; the same words each time, so that what many steps tell is told once. */
export const awayText = (away: Away): string => `the server of the ${what[away]} does not answer; steps wait for it`;
