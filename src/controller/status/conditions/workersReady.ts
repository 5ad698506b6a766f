import { type Seen, type SeenPool, statusBefore, usedPools } from '../seen.ts';
import { desiredOf } from '../stages.ts';
import { type Judge, no, yes } from './judge.ts';

/** Workers that are not all ready after this long are no longer taken to be starting: image, volume or node is missing. */
const startingMs = 120_000;
const longestMessage = 4000;

/** Whether as many workers are ready as there should be. Says no numbers: those move, and are in `stages`. */
export const workersReady: Judge = (seen) => {
  if (seen.conflict !== undefined) return no('NameConflict', seen.conflict);
  const missing = shortPools(seen).flatMap(([name, pool]) => (pool.missing ? [`${name}: ${pool.missing}`] : []));
  if (missing.length > 0) return no('WorkersMissing', textOf(missing));
  const starting = shortPools(seen).map(([name, { starting = 'starting' }]) => `${name}: ${starting}`);
  if (starting.length === 0) {
    return usedPools(seen).every(([, pool]) => desiredOf(pool) === 0) ? yes('ScaledToZero') : yes('WorkersUp');
  }
  const isLate = seen.now >= startingUntil(seen);
  return isLate
    ? no('WorkersMissing', `${textOf(starting)}; for two minutes and more`)
    : no('WorkersStarting', textOf(starting));
};

/** When workers that are starting should all be ready; `undefined` when there are none, or the time is over. */
export function workersDueAt(seen: Seen): Date | undefined {
  const until = startingUntil(seen);
  return shortPools(seen).length > 0 && seen.now < until ? until : undefined;
}

/** The condition tells since when not all were there. */
function startingUntil(seen: Seen): Date {
  const before = statusBefore(seen).conditions?.find(({ type }) => type === 'WorkersReady');
  const since = before?.status === 'False' ? Date.parse(before.lastTransitionTime) : seen.now.getTime();
  return new Date(since + startingMs);
}

const shortPools = (seen: Seen) => usedPools(seen).filter(([, pool]) => isShort(pool));

const isShort = (pool: SeenPool): boolean => pool.ready < desiredOf(pool);

const textOf = (pools: readonly string[]): string => pools.join('; ').slice(0, longestMessage);
