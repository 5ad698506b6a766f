import { type Pipeline, type PipelineRun, pipeline, pipelineRun } from '../../api/index.ts';
import type { KubeObject } from './api.ts';
import { scheduledAtAnnotation } from './names.ts';

/** A Pipeline as the API server stores it: with the defaults of its schema, but perhaps invalid in this version. */
export type StoredPipeline = Pipeline & KubeObject;
/** A PipelineRun as the API server stores it. */
export type StoredRun = PipelineRun & KubeObject;

/** `namespace/name`, by which things wait in the work queues. */
export const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`;

/** The two halves of a key. */
export function partsOf(key: string): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = key.split('/');
  return { namespace, name };
}

/**
 * A stored Pipeline with the defaults of this version, where its schema is met; the API server knows only some. Of the
 * same generation, the spec is the one of before: most changes are of the status.
 */
export function withPipelineDefaults(stored: StoredPipeline, before?: StoredPipeline): StoredPipeline {
  if (before && isSameSpec(stored, before)) return { ...stored, spec: before.spec };
  const parsed = pipeline.shape.spec.safeParse(stored.spec);
  return parsed.success ? { ...stored, spec: parsed.data } : stored;
}

const isSameSpec = ({ metadata }: KubeObject, before: KubeObject): boolean =>
  metadata.uid === before.metadata.uid && metadata.generation === before.metadata.generation;

/** A stored PipelineRun with the defaults of this version, and with the logical time that its creator meant it to have. */
export function withRunDefaults(stored: StoredRun, before?: StoredRun): StoredRun {
  const run = { ...stored, spec: before && isSameSpec(stored, before) ? before.spec : runSpec(stored) };
  const asOf = stored.metadata.annotations?.[scheduledAtAnnotation];
  // Nobody can create a status.
  return asOf === undefined ? run : { ...run, status: { asOf, ...run.status } };
}

function runSpec({ spec }: StoredRun): StoredRun['spec'] {
  const parsed = pipelineRun.shape.spec.safeParse(spec);
  return parsed.success ? parsed.data : spec;
}
