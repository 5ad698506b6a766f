import { shown } from '../problem.ts';
import type { Policy } from './policy.ts';

/** A pipeline does not run after itself. Longer ways round are found where all pipelines are known. */
export const afterOthers: Policy = ({ metadata: { name }, spec }) =>
  spec.after.flatMap((other, index) =>
    other === name
      ? [
          {
            at: ['spec', 'after', index],
            what: `found ${shown(other)}, the pipeline itself, which can never be first`,
            found: shown(other),
            fix: 'Strike it.',
          },
        ]
      : [],
  );
