import { conserved } from './conserved.ts';
import { fresh } from './fresh.ts';
import type { Judge } from './judge.ts';
import { scalingActive } from './scalingActive.ts';
import { valid } from './valid.ts';
import { workersReady } from './workersReady.ts';

/** One judge per condition, in the order in which they are shown. `Ready` sums them up; `Suspended` is the schedule's. */
export const judges: Readonly<Record<'Valid' | 'WorkersReady' | 'ScalingActive' | 'Fresh' | 'Conserved', Judge>> = {
  Valid: valid,
  WorkersReady: workersReady,
  ScalingActive: scalingActive,
  Fresh: fresh,
  Conserved: conserved,
};
