import { type SeenPool, usedPools } from '../seen.ts';
import { desiredOf } from '../stages.ts';
import { type Judge, no, yes } from './judge.ts';

/** Whether as many workers are ready as there should be. Says no numbers: those move, and are in `stages`. */
export const workersReady: Judge = (seen) => {
  if (seen.conflict !== undefined) return no('NameConflict', seen.conflict);
  const used = usedPools(seen);
  const missing = used.filter(([, pool]) => pool.missing !== undefined && isShort(pool));
  if (missing.length > 0) {
    return no(
      'WorkersMissing',
      missing
        .map(([name, pool]) => `${name}: ${pool.missing}`)
        .join('; ')
        .slice(0, 4000),
    );
  }
  const starting = used.filter(([, pool]) => isShort(pool)).map(([name]) => name);
  if (starting.length > 0) return no('WorkersStarting', `workers of ${starting.join(', ')} are starting`);
  return used.every(([, pool]) => desiredOf(pool) === 0) ? yes('ScaledToZero') : yes('WorkersUp');
};

const isShort = (pool: SeenPool): boolean => pool.ready < desiredOf(pool);
