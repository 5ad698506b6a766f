import { manifestDigest, manifestPath } from '../lake/lake.ts';
import { type Identity, type Json, stepKey } from './key.ts';
import type { PlanInput } from './plan.ts';
import type { CleanSpec, Resolved } from './specs.ts';
import type { Manifest, Slice, Step } from './types.ts';

/** Whose step it is. */
type Of = Pick<PlanInput, 'pipeline'>;

/** A step and the key that names it. */
export function step(
  input: Of,
  stage: Step['stage'],
  dataset: string,
  spec: Resolved<unknown>,
  slice: Slice,
  part: string,
  inputs: readonly Manifest[],
): Step {
  const digests = inputs.map(manifestDigest);
  return {
    key: key(input, { dataset, stage, slice, part, inputs: digests, spec: spec.identity }),
    stage,
    dataset,
    slice,
    part,
    spec: spec.digest,
    inputs: inputs.map(manifestPath),
  };
}

const key = (input: Of, identity: Omit<Identity, 'pipeline' | 'slice'> & { readonly slice: Slice }): string =>
  stepKey({ ...identity, pipeline: input.pipeline, slice: identity.slice as unknown as Json });

/** The step that cleans a part of a slice. */
export const cleanStep = (input: Of, dataset: string, spec: Resolved<CleanSpec>, raw: Manifest): Step =>
  step(input, 'Clean', dataset, spec, raw.slice, raw.part, [raw]);

/** Whether a manifest was made by the spec of this identity: its key says so. */
export const isOf = (input: Of, manifest: Manifest, spec: Resolved<unknown>): boolean => {
  const { dataset, stage, slice, part, inputs } = manifest;
  return manifest.key === key(input, { dataset, stage, slice, part, inputs, spec: spec.identity });
};

/** Manifests in the order in which they were published. */
export const inOrder = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.toSorted((a, b) => (`${a.finishedAt} ${a.key}` < `${b.finishedAt} ${b.key}` ? -1 : 1));

/** How large the files of some manifests are together, as they are stored. */
export const bytesOf = (manifests: readonly Manifest[]): number =>
  manifests
    .flatMap(({ partitions }) => partitions.flatMap(({ files }) => files))
    .reduce((sum, { bytes }) => sum + bytes, 0);
