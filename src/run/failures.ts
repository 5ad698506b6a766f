import type { PlanInput } from './plan.ts';
import { finishedSlices } from './slices.ts';
import { cleanStep } from './steps.ts';
import type { Failure, Slice } from './types.ts';

/** What failed for good, by what follows from it. */
export interface JudgedFailures {
  /** What depends on these waits for the next run. */
  readonly holding: readonly Failure[];
  /** Snapshots that cannot be cleaned, but that a newer one has overtaken, and windows of earlier runs: the tables go on without them. */
  readonly leftOut: readonly { readonly failure: Failure; readonly slice: Slice }[];
}

/** One bad snapshot must not hold back all that come after it. */
export function judgeFailures(input: PlanInput): JudgedFailures {
  if (input.failures.length === 0) return { holding: [], leftOut: [] };
  const overtaken = new Map(
    input.specs.datasets.flatMap(({ name, extract, clean }) =>
      finishedSlices(input.manifests, name)
        .filter(({ slice }, at, all) =>
          extract.value.extract.window ? slice.asOf !== input.slice.asOf : at < all.length - 1,
        )
        .flatMap(({ slice, parts }) => parts.map((part) => [cleanStep(input, name, clean, part).key, slice] as const)),
    ),
  );
  return {
    holding: input.failures.filter(({ key }) => !overtaken.has(key)),
    leftOut: input.failures.flatMap((failure) => {
      const slice = overtaken.get(failure.key);
      return slice ? [{ failure, slice }] : [];
    }),
  };
}
