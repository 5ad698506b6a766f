import type { Pipeline, PipelineRun, SecretKeyRef } from '../api/index.ts';
import { secretRefsIn, secretsOf } from '../controller/secretRefs.ts';
import type { PoolName } from '../queue/names.ts';

/** The pools that a run uses, by the stage it begins with: one that begins with bytes that are there asks no source. */
const poolsFrom: Readonly<Record<PipelineRun['spec']['from'], readonly PoolName[]>> = {
  Extract: ['extract', 'clean', 'warehouse'],
  Clean: ['clean', 'warehouse'],
  Load: ['warehouse'],
  Transform: ['warehouse'],
};

/** Every secret that a run of a manifest cannot do without. */
export function requiredSecrets(pipeline: Pipeline, from: PipelineRun['spec']['from']): readonly SecretKeyRef[] {
  const refs = [
    ...poolsFrom[from].flatMap((pool) => secretsOf(pipeline, pool)),
    ...pipeline.spec.alerts.flatMap(({ webhook }) => [...secretRefsIn(webhook)]),
  ];
  return refs.filter(({ optional }) => optional !== true);
}
