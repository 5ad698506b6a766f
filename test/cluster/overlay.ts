import { join } from 'node:path';
import type { UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, root } from './cluster.ts';

const folder = join(root, 'examples', 'overlays', 'usajobs-double');

/** The overlay of the example, with the address of a double in place of its placeholder. */
export async function usajobsManifests(cluster: Cluster, double: Pick<UsajobsDouble, 'url'>): Promise<string> {
  const manifests = await cluster.kubectl(['kustomize', folder]);
  return manifests.replace('http://usajobs-double.example:8080', double.url);
}

/** Applies it and waits until the Pipeline is ready. */
export async function applyUsajobs(cluster: Cluster, double: UsajobsDouble): Promise<void> {
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], await usajobsManifests(cluster, double));
  await cluster.kubectl(['wait', '--for=condition=Ready', 'pipeline/usajobs', '--timeout=30s']);
}

/** A run of it, as a person makes one: `kubectl create -f`. Gives `pipelinerun.jobpulse.dev/<name>`. */
export async function createRun(cluster: Cluster, spec: object = {}): Promise<string> {
  const run = {
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'PipelineRun',
    metadata: { generateName: 'usajobs-by-hand-' },
    spec: { pipelineRef: { name: 'usajobs' }, ...spec },
  };
  return (await cluster.kubectl(['create', '-f', '-', '-o', 'name'], JSON.stringify(run))).trim();
}

/** Waits for the good end of a run. */
export async function succeeded(cluster: Cluster, run: string): Promise<void> {
  await cluster.kubectl(['wait', '--for=condition=Succeeded', run, '--timeout=50s']);
}
