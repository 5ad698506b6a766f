import { checkPipeline, type Pipeline, type PipelineRun } from '../../api/index.ts';
import type { Waves } from '../../queue/waves.ts';
import { urlOf } from '../../run/specs.ts';
import type { World } from '../world.ts';
import type { Informer, KubeApi } from './api.ts';
import { resourceTypes } from './client.ts';
import type { Installation } from './installation.ts';
import { fieldManager } from './names.ts';
import { withInstalledWarehouse } from './render/warehouse.ts';
import type { StoredPipeline, StoredRun } from './stored.ts';

export interface ClusterWorldOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly pipelines: Informer<StoredPipeline>;
  readonly runs: Informer<StoredRun>;
  readonly waves: Waves;
  readonly installation: Pick<Installation, 'id' | 'warehouse'>;
  readonly now: () => Date;
}

/**
 * A namespace of a cluster as the reconcilers see it. Reads come from the caches; a status is applied onto the very
 * version that was read, so whoever looks at something older (a leader of before, a slow watch) is refused and looks again.
 */
export function clusterWorld(options: ClusterWorldOptions): World {
  const { api, namespace, pipelines, runs, waves, installation, now } = options;
  return {
    namespace,
    waves,
    installation: installation.id,
    warehouse: (pipeline) => warehouseIdentity(pipeline, installation.id),
    pipeline: async (name) => validPipeline(pipelines.get({ namespace, name }), installation),
    run: async (name) => {
      const stored = runs.get({ namespace, name });
      return stored && withAsOf(stored, runs.list(namespace, stored.spec.pipelineRef.name), now());
    },
    writeRunStatus: async (name, status) => {
      const stored = runs.get({ namespace, name });
      if (!stored) return;
      const { apiVersion, kind, metadata } = stored;
      const { resourceVersion } = metadata;
      const applied = {
        apiVersion,
        kind,
        metadata: { name, namespace, ...(resourceVersion && { resourceVersion }) },
        status,
      };
      const options = { fieldManager, force: true, subresource: 'status' } as const;
      runs.remember(await api.apply(resourceTypes.pipelineRuns, applied as StoredRun, options));
    },
    now,
  };
}

/**
 * An embedded warehouse is a pipeline's own, and the name of that is part of every key already. Which database a Secret
 * leads to is not known here: another one is another Secret.
 */
function warehouseIdentity(pipeline: Pipeline, installation: string): string {
  const url = urlOf(pipeline);
  return url ? `postgres:${installation}/${url.name}/${url.key}` : `duckdb:${installation}`;
}

/** A stored Pipeline with its defaults in place, if it is valid in this version. */
function validPipeline(
  stored: StoredPipeline | undefined,
  installation: Pick<Installation, 'warehouse'>,
): Pipeline | undefined {
  if (!stored) return undefined;
  const { status: _, ...wanted } = stored; // what an older or newer version wrote there is not the user's doing
  const checked = checkPipeline(wanted);
  return checked.ok ? withInstalledWarehouse(checked.pipeline, installation) : undefined;
}

/** A run that was made by hand is as of now, but later than any run of its pipeline before it. */
function withAsOf(run: StoredRun, siblings: readonly StoredRun[], now: Date): PipelineRun {
  if (run.status?.asOf !== undefined) return run;
  const latest = Math.max(0, ...siblings.map(({ status }) => Date.parse(status?.asOf ?? '') || 0));
  return { ...run, status: { ...run.status, asOf: new Date(Math.max(now.getTime(), latest + 1)).toISOString() } };
}
