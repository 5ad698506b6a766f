import { mkdtempSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Pipeline } from '../../src/api/index.ts';
import { describeWithGoProgram } from '../servers/goPrograms.ts';
import { startMetricsServer } from '../servers/kubernetes/metricsServer.ts';
import { describeWithNode } from '../servers/kubernetes/nodeBinaries.ts';
import { ownProcesses } from '../servers/kubernetes/processes.ts';
import { root, until } from './cluster.ts';
import { type Flood, namespace, startFlood } from './flood.ts';
import { followQueue, interruptions, type JobEvent } from './queueEvents.ts';

const most = 4;
/** Seconds where the defaults are minutes: what a test waits for. */
const quickHpa = [
  '--horizontal-pod-autoscaler-sync-period=2s',
  '--horizontal-pod-autoscaler-cpu-initialization-period=5s',
  '--horizontal-pod-autoscaler-initial-readiness-delay=2s',
];

describeWithNode('pools under load on a real node', () => {
  let flood: Flood;
  beforeAll(async () => {
    flood = await startFlood({
      pipelines: [
        { name: 'inner', workers: { extract: { concurrency: 1, maxReplicas: most } } },
        { name: 'outer', workers: { extract: { provider: 'External', minReplicas: 1, maxReplicas: most } } },
      ],
      delayMs: 30,
      controllerManagerArgs: quickHpa,
    });
  }, 600_000);
  afterAll(() => flood?.stop(), 60_000);

  const pods = async (pool: string): Promise<readonly string[]> => {
    const labels = `jobpulse.dev/pipeline=${pool},jobpulse.dev/pool=extract`;
    const running = await flood.kubectl(['get', 'pods', '-l', labels, '-o', 'name']);
    return running.split('\n').filter((line) => line !== '');
  };
  const phase = (run: string) => flood.kubectl(['get', 'jpr', run, '-o', 'jsonpath={.status.phase}']);

  test('workers go while steps are under way, and not one step is disturbed', async () => {
    const hours = 60;
    // The last two hours that are asked for take as long as it takes until the pool has shrunk around them.
    flood.source.hold((path) => /2025-01-01T0[01]/.test(path));
    const follow = followQueue(flood.redis, namespace, 'inner', 'extract');
    const events: JobEvent[] = [];
    const run = await flood.backfill('inner', hours);
    let greatest = 0;
    await until(async () => {
      events.push(...(await follow()));
      greatest = Math.max(greatest, (await pods('inner')).length);
      return events.filter(({ event }) => event === 'completed').length === hours - 2;
    }, 300_000);
    expect(greatest).toBe(most);
    await until(async () => (await pods('inner')).length === 2, 180_000);
    const why = () => flood.jobpulse('why', 'inner', 'extract');
    await expect.poll(why, { timeout: 60_000 }).toMatch(/2 workers wanted, 2 there.*2 under way/);
    expect(await why()).toContain('2 steps, 2 under way on 2 workers');
    flood.source.letGo();
    await until(async () => (await phase(run)) === 'Succeeded', 400_000);
    events.push(...(await follow()));
    expect(interruptions(events)).toEqual({ taken: hours, found: [] });
    expect([...flood.source.asked.values()]).toEqual(Array.from({ length: hours }, () => 1));
  }, 1_000_000);

  describeWithGoProgram('metrics-server', 'that a HorizontalPodAutoscaler scales', () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-metrics-'));
    const processes = ownProcesses(folder);
    afterAll(() => processes.stop());

    const deployment = async (): Promise<Scaled> =>
      JSON.parse(await flood.kubectl(['get', 'deployment', 'outer-extract', '--show-managed-fields', '-o', 'json']));
    const replicas = async () => (await deployment()).spec.replicas;

    test('the real metrics-server tells what workers use, and the HPA of the example sees it', async () => {
      await startMetricsServer({ plane: flood.node.plane, address: flood.node.hostAddress, processes, folder });
      const example = await readFile(join(root, 'examples', 'scaling', 'hpa.yaml'), 'utf8');
      await flood.kubectl(['apply', '-f', '-'], JSON.stringify(quickened(parse(example))));
      await flood.kubectl(['wait', '--for=condition=ScalingActive', 'hpa/outer-extract', '--timeout=180s']);
      expect(await replicas()).toBe(1);
    }, 400_000);

    test('more workers come under load and go after it; the controller says whose they are and leaves them alone', async () => {
      const run = await flood.backfill('outer', 1000);
      await until(async () => (await replicas()) > 1, 400_000);
      const { status } = JSON.parse(await flood.kubectl(['get', 'jpl', 'outer', '-o', 'json'])) as Pipeline;
      expect(status?.conditions?.find(({ type }) => type === 'ScalingActive')).toMatchObject({
        ...{ status: 'True', reason: 'Deciding' },
        message: 'the autoscaler sets the number of workers of clean and warehouse; something else that of extract',
      });
      expect(await flood.jobpulse('why', 'outer', 'extract')).toMatch(/External: Something else, such as an HPA/);
      await flood.kubectl(['patch', 'jpr', run, '--type=merge', '-p', '{"spec":{"state":"Cancel"}}']);
      await until(async () => (await phase(run)) === 'Cancelled', 240_000);
      await until(async () => (await replicas()) === 1, 400_000);
      const owners = (await deployment()).metadata.managedFields.filter(
        ({ fieldsV1 }) => fieldsV1['f:spec']?.['f:replicas'],
      );
      expect(owners.map(({ manager }) => manager)).not.toContain('jobpulse-autoscaler');
      expect(owners).toContainEqual(expect.objectContaining({ subresource: 'scale' }));
    }, 1_500_000);
  });
});

interface Scaled {
  readonly metadata: {
    readonly managedFields: readonly {
      readonly manager: string;
      readonly subresource?: string;
      readonly fieldsV1: { readonly 'f:spec'?: { readonly 'f:replicas'?: object } };
    }[];
  };
  readonly spec: { readonly replicas: number };
}

/** The HPA of the example for another pool, with windows of seconds, and content with less: the machine is shared. */
function quickened({ spec, ...hpa }: { readonly spec: Readonly<Record<string, object>> }): object {
  return {
    ...hpa,
    metadata: { name: 'outer-extract' },
    spec: {
      ...spec,
      scaleTargetRef: { ...spec.scaleTargetRef, name: 'outer-extract' },
      maxReplicas: most,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 25 } } },
      ],
      behavior: {
        scaleDown: { stabilizationWindowSeconds: 5, policies: [{ type: 'Pods', value: 4, periodSeconds: 5 }] },
      },
    },
  };
}
