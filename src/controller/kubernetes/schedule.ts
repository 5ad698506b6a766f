import type { PipelineRunSpec } from '../../api/index.ts';
import { triggerLabel } from '../trigger.ts';
import type { WantedRun } from '../wantedRuns.ts';
import { ApiError, type KubeApi } from './api.ts';
import { resourceTypes } from './client.ts';
import { pipelineLabel, scheduledAtAnnotation } from './names.ts';
import { ownerOf } from './runs.ts';
import type { StoredPipeline, StoredRun } from './stored.ts';

/** Creates a run; one of that name may be there already, from another leader or from before a crash. */
export async function createRun(
  api: KubeApi,
  pipeline: StoredPipeline,
  wanted: WantedRun,
): Promise<StoredRun | undefined> {
  const { name, namespace = '' } = pipeline.metadata;
  // What is left out gets the default of the schema.
  const spec: Pick<PipelineRunSpec, 'pipelineRef'> = { pipelineRef: { name } };
  const run = {
    apiVersion: pipeline.apiVersion,
    kind: 'PipelineRun',
    metadata: {
      ...{ name: wanted.name, namespace },
      labels: { [pipelineLabel]: name, [triggerLabel]: wanted.trigger },
      annotations: { ...wanted.annotations, [scheduledAtAnnotation]: wanted.asOf.toISOString() },
      ownerReferences: [ownerOf(pipeline)],
    },
    spec,
  };
  try {
    return await api.create(resourceTypes.pipelineRuns, run as unknown as StoredRun);
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'AlreadyExists') return undefined;
    throw error;
  }
}

/** Asks a run to end as it is; it may be gone. */
export async function cancelRun(api: KubeApi, { metadata }: StoredPipeline, name: string): Promise<void> {
  const key = { namespace: metadata.namespace ?? '', name };
  try {
    await api.patch(resourceTypes.pipelineRuns, key, { spec: { state: 'Cancel' } });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}
