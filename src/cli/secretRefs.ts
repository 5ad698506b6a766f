import type { Pipeline, SecretKeyRef } from '../api/index.ts';

/** Every secret a manifest names and cannot do without. */
export function requiredSecrets(pipeline: Pipeline): readonly SecretKeyRef[] {
  return pipeline.spec.datasets
    .flatMap(({ extract }) => extract.rest?.headers ?? [])
    .flatMap(({ valueFrom }) => (valueFrom && !valueFrom.secretKeyRef.optional ? [valueFrom.secretKeyRef] : []));
}
