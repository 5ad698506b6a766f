import { z } from 'zod';
import { count, instant } from './units.ts';
import { matching } from './words.ts';

/** One observation about a resource, in the form that `kubectl wait` understands. */
export const condition = z.strictObject({
  type: z.string().min(1).max(64).describe('What is observed.'),
  status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  reason: matching(/^[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?$/, 'one word of letters, digits and _', 128).describe(
    'Why, in one word of the documented list.',
  ),
  message: z.string().max(4096).describe('Why, for people.'),
  observedGeneration: count().exactOptional().describe('Generation of the spec this is about.'),
  lastTransitionTime: instant.describe('When status last changed.'),
});
export type Condition = z.output<typeof condition>;

/** Conditions of a Pipeline, with what `True` means. */
export const pipelineConditions = {
  Ready: 'The pipeline does what its manifest wants.',
  Valid: 'The manifest is valid, and this version can do all it asks for.',
  WorkersReady: 'As many workers are ready as there should be.',
  ScalingActive: 'The number of workers follows the work.',
  Fresh: 'The newest data is young enough for `freshness`.',
  Conserved: 'Over all published steps, what came in equals what came out.',
  Suspended: 'The schedule rests.',
} as const satisfies Readonly<Record<string, string>>;

/** Conditions of a PipelineRun, with what `True` means. */
export const runConditions = {
  Succeeded: 'The run has ended and everything it wanted is published. `False`: it failed or was cancelled.',
  Conserved: 'Over the steps of the run, what came in equals what came out.',
} as const satisfies Readonly<Record<string, string>>;
