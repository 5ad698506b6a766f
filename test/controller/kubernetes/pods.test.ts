import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { root } from '../../e2e/harness.ts';
import { findKubernetes, howToGetKubernetes } from '../../servers/kubernetes/binaries.ts';
import { type HostNode, startHostNode } from '../../servers/kubernetes/hostNode.ts';
import { startTcpRedis } from '../../servers/redis.ts';
import { namespace, openPipelinesWorld, type PipelinesWorld } from './pipelinesWorld.ts';
import { usual } from './render/world.ts';

const oneEach = `${usual}\n  workers: {extract: {minReplicas: 1}, clean: {minReplicas: 1}, warehouse: {minReplicas: 1}}\n`;

describe.skipIf(!findKubernetes())(`the pods of a Pipeline as processes of this host (${howToGetKubernetes})`, () => {
  let world: PipelinesWorld;
  let node: HostNode;
  beforeAll(async () => {
    world = await openPipelinesWorld();
    node = await startHostNode(world.plane, {
      command: (_pod, { args = [] }) => [join(root, 'bin', 'jobpulse'), ...args],
      env: { HOME: process.env.HOME ?? '' },
      freePorts: ['metrics', 'JOBPULSE_HEALTH_PORT'],
    });
  }, 120_000);
  afterAll(async () => {
    await node?.stop();
    await world?.stop();
  });

  const secret = (name: string, ...values: string[]) =>
    world.plane.kubectl([
      '-n',
      namespace,
      'create',
      'secret',
      'generic',
      name,
      ...values.map((v) => `--from-literal=${v}`),
    ]);

  test('they wait for what is missing and say so, and are ready when it is there', async () => {
    const redis = await startTcpRedis([]);
    onTestFinished(() => redis.stop());
    const pipeline = await world.put('alive', oneEach);
    expect(await world.reconcile(pipeline)).toMatchObject({ writes: 9 });
    const pools = async () => (await world.reconcile(pipeline)).pools;
    const until = async (holds: () => Promise<boolean>) => {
      const deadline = performance.now() + 60_000;
      while (!(await holds())) {
        if (performance.now() > deadline) throw new Error(JSON.stringify([await pools(), node.pods()]));
        await sleep(200);
      }
    };
    await until(async () => (await pools()).every(({ starting }) => starting?.includes('jobpulse-redis')));
    expect((await pools()).map(({ ready }) => ready)).toEqual([0, 0, 0]);

    await secret('jobpulse-redis', `url=redis://127.0.0.1:${redis.port}`);
    // Those that name no secret of the source do not wait for it.
    await until(async () => (await pools()).filter(({ ready }) => ready === 1).length === 2);
    const [extract] = await pools();
    expect(extract).toMatchObject({
      pool: 'extract',
      ready: 0,
      starting: expect.stringMatching(/^1 pod: .*(jobs|other)/),
    });

    await secret('jobs', 'api-key=made-up');
    await secret('other', 'token=made-up');
    await until(async () => (await pools()).every(({ ready, updated }) => ready === 1 && updated === 1));
    expect((await world.reconcile(pipeline)).writes).toBe(0);
  }, 120_000);
});
