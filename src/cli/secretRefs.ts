import type { Pipeline, SecretKeyRef } from '../api/index.ts';
import { serverOf } from '../run/specs.ts';

/** Every secret a manifest names and cannot do without. */
export function requiredSecrets(pipeline: Pipeline): readonly SecretKeyRef[] {
  const headers = pipeline.spec.datasets.flatMap(({ extract }) => extract.rest?.headers ?? []);
  const webhooks = pipeline.spec.alerts.map(({ webhook }) => webhook.urlFrom);
  const refs = [...headers.map(({ valueFrom }) => valueFrom), ...webhooks].map((value) => value?.secretKeyRef);
  const { url, ca } = serverOf(pipeline);
  return [...refs, url, ca].flatMap((ref) => (ref && !ref.optional ? [ref] : []));
}
