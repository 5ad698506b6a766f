import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Caches, startCaches } from '../../../src/controller/kubernetes/caches.ts';
import { type OpenKubeApi, openKubeApi } from '../../../src/controller/kubernetes/client.ts';
import { pipelineLabel, poolLabel } from '../../../src/controller/kubernetes/names.ts';
import { scalePool } from '../../../src/controller/kubernetes/pools.ts';
import { root } from '../../cluster/cluster.ts';
import { describeWithKubernetes } from '../../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../../servers/kubernetes/controlPlane.ts';
import { newNamespace, silent } from './runtime/cluster.ts';

describeWithKubernetes('the size of a pool', () => {
  let plane: ControlPlane;
  let open: OpenKubeApi;
  let caches: Caches;
  let namespace: string;
  beforeAll(async () => {
    plane = await startControlPlane();
    await plane.kubectl(['apply', '--server-side', '-f', `${root}/crds`]);
    open = openKubeApi({ kubeconfig: plane.kubeconfig, log: silent });
    namespace = await newNamespace(plane);
    caches = startCaches({
      ...{ api: open.api, namespaces: [namespace], pipelineSelector: undefined },
      context: () => ({ now: Date.now, log: silent }),
    });
    await caches.synced;
  });
  afterAll(async () => {
    await caches?.stop();
    await open?.close();
    await plane?.stop();
  });

  const names = () =>
    caches.pods
      .list(namespace)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name)
      .sort();

  test('when it shrinks, busy workers stay and idle ones go', async () => {
    const labels = { [pipelineLabel]: 'docks', [poolLabel]: 'clean' };
    const deployment = {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'docks-clean', namespace, labels } },
      spec: {
        replicas: 6,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'worker', image: 'registry.example/worker' }] },
        },
      },
    };
    await plane.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(deployment) });
    await expect.poll(names, { timeout: 30_000 }).toHaveLength(6);
    const busy = [names()[1] ?? '', names()[4] ?? ''];
    await scalePool(open.api, caches, { namespace, name: 'docks' }, 'clean', 2, busy);
    await expect.poll(names, { timeout: 30_000 }).toEqual(busy);
  });
});
