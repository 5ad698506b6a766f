import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineRun } from '../../src/api/index.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, type ControllerProcess, root, startCluster, until } from './cluster.ts';

describeWithKubernetes('usajobs on a Kubernetes API', () => {
  let cluster: Cluster;
  let double: UsajobsDouble;
  let controller: ControllerProcess;
  beforeAll(async () => {
    [cluster, double] = await Promise.all([startCluster({ audit: true }), startUsajobs()]);
    controller = await cluster.startController();
  }, 120_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(readFileSync(controller.logFile, 'utf8'));
    await cluster?.stop();
    await double?.close();
  });

  /** The overlay, with the address of the double in place of its placeholder. */
  const overlay = async (): Promise<string> => {
    const manifests = await cluster.kubectl(['kustomize', join(root, 'examples', 'overlays', 'usajobs-double')]);
    return manifests.replace('http://usajobs-double.example:8080', double.url);
  };

  test('applied, it is ready within seconds', async () => {
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], await overlay());
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pipeline/usajobs', '--timeout=30s']);
    const shown = await cluster.kubectl(['get', 'jpl']);
    expect(shown).toMatch(/^NAME +READY +PHASE/);
  });

  test('a run that is created completes', async () => {
    const run = {
      apiVersion: 'jobpulse.dev/v1alpha1',
      kind: 'PipelineRun',
      metadata: { generateName: 'usajobs-by-hand-' },
    };
    const created = await cluster.kubectl(
      ['create', '-f', '-', '-o', 'name'],
      JSON.stringify({ ...run, spec: { pipelineRef: { name: 'usajobs' } } }),
    );
    const name = created.trim();
    await cluster.kubectl(['wait', '--for=condition=Succeeded', name, '--timeout=120s']);
    const { status } = await cluster.get<PipelineRun>(name);
    expect(status?.datasets?.[0]).toMatchObject({ read: 742, added: 736, rejected: 6 });
    expect(await cluster.kubectl(['get', 'jpr'])).toMatch(/Succeeded/);
  }, 180_000);

  void until;
});
