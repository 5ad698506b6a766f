import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import { scheduledAtAnnotation } from '../../src/controller/kubernetes/names.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type Cluster, type ControllerProcess, startCluster, until } from './cluster.ts';
import { usajobsManifests } from './overlay.ts';

describeWithKubernetes('which Pipelines a controller looks after', () => {
  let cluster: Cluster;
  let example: Pipeline;
  let controller: ControllerProcess | undefined;
  beforeAll(async () => {
    cluster = await startCluster({ withNode: false, audit: true });
    for (const namespace of ['one', 'two']) await cluster.kubectl(['create', 'namespace', namespace]);
    const documents = parseAllDocuments(await usajobsManifests(cluster, { url: 'http://jobs.example' }));
    example = documents.map((each) => each.toJS()).find(({ kind }) => kind === 'Pipeline') as Pipeline;
  }, 120_000);
  afterAll(() => cluster?.stop());

  const put = (namespace: string, name: string, labels = {}, spec = {}) => {
    const metadata = { name, namespace, labels };
    const pipeline = { ...example, metadata, spec: { ...example.spec, ...spec } };
    return cluster.kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(pipeline));
  };
  const isLookedAfter = async (namespace: string, name: string) =>
    (await cluster.get<Pipeline>('jpl', name, '-n', namespace)).status !== undefined;
  /** In place of the one before, which gives its lease back. */
  const start = async (...[identity, options]: Parameters<Cluster['startController']>) => {
    controller?.kill('SIGTERM');
    await controller?.ended;
    controller = await cluster.startController(identity, options);
  };

  test('those that the selector of its installation finds', async () => {
    await put('default', 'ours', { team: 'a' });
    await put('default', 'theirs', { team: 'b' });
    await start('selective', { installation: 'pipelineSelector: team=a\n' });
    await until(() => isLookedAfter('default', 'ours'));
    await sleep(1_000);
    expect(await isLookedAfter('default', 'theirs')).toBe(false);
    expect(await cluster.kubectl(['get', 'deployments', '-o', 'name'])).not.toMatch(/theirs/);
    await cluster.kubectl(['label', '--overwrite', 'jpl', 'theirs', 'team=a']);
    await until(() => isLookedAfter('default', 'theirs'));
  }, 90_000);

  test('those of the namespaces that it is given, or of all', async () => {
    await put('one', 'first');
    await put('two', 'second');
    await start('of-two-namespaces', { args: ['--namespace', 'one'] });
    await until(() => isLookedAfter('one', 'first'));
    await sleep(1_000);
    expect(await isLookedAfter('two', 'second')).toBe(false);
    await start('of-all', { args: ['--all-namespaces', '--lease-namespace', 'default'] });
    await until(() => isLookedAfter('two', 'second'));
    await put('two', 'third');
    await until(() => isLookedAfter('two', 'third'));
  }, 90_000);

  test('controllers that come and go around a tick make one run of it', async () => {
    await start('before-the-tick');
    await put('default', 'minutely', {}, { schedule: '* * * * *', freshness: undefined, concurrencyPolicy: 'Allow' });
    await until(() => isLookedAfter('default', 'minutely'));
    const tick = new Date(Math.ceil((Date.now() + 2_000) / 60_000) * 60_000);
    const other = await cluster.startController('standby');
    await sleep(tick.getTime() - Date.now() - 500);
    controller?.kill('SIGTERM');
    const name = `minutely-${tick.getTime() / 60_000}`;
    await until(async () => (await cluster.plane.kubectl(['get', 'jpr', name])).code === 0, 100_000);
    other.kill('SIGTERM');
    await other.ended;
    await cluster.startController('after-the-tick');
    const { metadata } = await cluster.get<PipelineRun>('jpr', name);
    expect(metadata.annotations?.[scheduledAtAnnotation]).toBe(tick.toISOString());
    await until(async () => (await cluster.get<PipelineRun>('jpr', name)).status?.asOf === tick.toISOString());
    const created = (await cluster.plane.audit()).filter(
      ({ verb, resource, code }) => verb === 'create' && resource === 'pipelineruns' && code === 201,
    );
    expect(created.map((entry) => entry.name).filter((each) => each === name)).toHaveLength(1);
  }, 200_000);
});
