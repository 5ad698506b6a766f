import type { Pipeline, SecretKeyRef } from '../api/index.ts';
import { urlOf } from '../run/specs.ts';

/** Every secret a manifest names and cannot do without. */
export function requiredSecrets(pipeline: Pipeline): readonly SecretKeyRef[] {
  const headers = pipeline.spec.datasets.flatMap(({ extract }) => extract.rest?.headers ?? []);
  const webhooks = pipeline.spec.alerts.map(({ webhook }) => webhook.urlFrom);
  const refs = [...headers.map(({ valueFrom }) => valueFrom), ...webhooks].map((value) => value?.secretKeyRef);
  return [...refs, urlOf(pipeline)].flatMap((ref) => (ref && !ref.optional ? [ref] : []));
}
