import type { Pipeline, PipelineRun, SecretKeyRef } from '../api/index.ts';
import { secretRefsIn } from '../controller/kubernetes/render/secrets.ts';
import type { Json } from '../run/key.ts';

/** Every secret that a run of a manifest cannot do without. One that begins with bytes that are there asks no source. */
export function requiredSecrets({ spec }: Pipeline, from: PipelineRun['spec']['from']): readonly SecretKeyRef[] {
  const { datasets, ...others } = spec;
  const sources = from === 'Extract' ? datasets.map(({ extract }) => extract) : [];
  const rules = datasets.map(({ format, clean, load }) => ({ format, clean, load }));
  const refs = [sources, rules, others].flatMap((part) => [...secretRefsIn(part as unknown as Json)]);
  return refs.filter(({ optional }) => optional !== true);
}
