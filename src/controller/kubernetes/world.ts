import { checkPipeline, type Pipeline, type PipelineRun } from '../../api/index.ts';
import type { Waves } from '../../queue/waves.ts';
import type { World } from '../world.ts';
import type { Informer, KubeApi } from './api.ts';
import { resourceTypes } from './client.ts';
import { fieldManager } from './names.ts';
import type { StoredPipeline, StoredRun } from './stored.ts';

export interface ClusterWorldOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly pipelines: Informer<StoredPipeline>;
  readonly runs: Informer<StoredRun>;
  readonly waves: Waves;
  /** Name of this installation among those that may share a lake. */
  readonly installation: string;
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
    installation,
    // Each pipeline has a warehouse of its own, and its name is part of every key already.
    warehouse: `duckdb:${installation}`,
    pipeline: async (name) => validPipeline(pipelines.get({ namespace, name })),
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

/** A stored Pipeline with its defaults in place, if it is valid in this version. */
function validPipeline(stored: StoredPipeline | undefined): Pipeline | undefined {
  if (!stored) return undefined;
  const { status: _, ...wanted } = stored; // what an older or newer version wrote there is not the user's doing
  const checked = checkPipeline(wanted);
  return checked.ok ? checked.pipeline : undefined;
}

/** A run that was made by hand is as of now, but later than any run of its pipeline before it. */
function withAsOf(run: StoredRun, siblings: readonly StoredRun[], now: Date): PipelineRun {
  if (run.status?.asOf !== undefined) return run;
  const latest = Math.max(0, ...siblings.map(({ status }) => Date.parse(status?.asOf ?? '') || 0));
  return { ...run, status: { ...run.status, asOf: new Date(Math.max(now.getTime(), latest + 1)).toISOString() } };
}
