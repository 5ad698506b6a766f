import type { Pipeline, SecretKeyRef } from '../api/index.ts';

/** Every secret a manifest names and cannot do without. */
export function requiredSecrets(pipeline: Pipeline): readonly SecretKeyRef[] {
  const headers = pipeline.spec.datasets.flatMap(({ extract }) => extract.rest?.headers ?? []);
  const webhooks = pipeline.spec.alerts.map(({ webhook }) => webhook.urlFrom);
  return [...headers.map(({ valueFrom }) => valueFrom), ...webhooks].flatMap((value) =>
    value && !value.secretKeyRef.optional ? [value.secretKeyRef] : [],
  );
}
