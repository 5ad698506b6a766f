import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resourceTypes } from '../../../src/controller/kubernetes/client.ts';
import { scalerFieldManager } from '../../../src/controller/kubernetes/names.ts';
import { renderPipeline, type WantedObject } from '../../../src/controller/kubernetes/render/index.ts';
import { findKubernetes, howToGetKubernetes } from '../../servers/kubernetes/binaries.ts';
import { namespace, openPipelinesWorld, type PipelinesWorld } from './pipelinesWorld.ts';
import { fullInstallation, installationOf, smallInstallation, stored, usual } from './render/world.ts';

const withPools = (pools: string): string => `${usual}\n  workers: ${pools}\n`;

const priorityClass = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', value: 1 };
const unowned = (object: WantedObject) => ({ ...object, metadata: { ...object.metadata, ownerReferences: [] } });

/** The pod that a controller would make; a claim stands for the one that a StatefulSet makes. */
function podOf({ kind, metadata, spec }: WantedObject) {
  if (kind !== 'Deployment' && kind !== 'StatefulSet') return [];
  const template = spec?.template as unknown as { metadata: object; spec: { volumes: object[] } };
  const claim = { name: 'warehouse', persistentVolumeClaim: { claimName: 'warehouse' } };
  const volumes = kind === 'StatefulSet' ? [...template.spec.volumes, claim] : template.spec.volumes;
  const { name, namespace } = metadata;
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...template.metadata, name, namespace } };
  return [{ ...pod, spec: { ...template.spec, volumes } }];
}

describe.skipIf(!findKubernetes())(`Pipelines on a real API server (${howToGetKubernetes})`, () => {
  let world: PipelinesWorld;
  beforeAll(async () => {
    world = await openPipelinesWorld();
  }, 120_000);
  afterAll(() => world?.stop());

  const kubectlWith = (args: readonly string[], items: readonly object[]) =>
    world.plane.kubectl(args, { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  const kubectl = async (...args: string[]) => world.plane.kubectl(['-n', namespace, ...args]);
  const deployment = async (name: string) => world.api.get(resourceTypes.deployments, { namespace, name });
  /** What we wrote, as the API server saw it. */
  const ourWrites = async (mark: number) =>
    (await world.plane.audit(mark)).filter(
      ({ user, verb }) => user === 'admin' && ['create', 'update', 'patch', 'delete'].includes(verb),
    );
  const settled = () => sleep(1_000);

  test.each([smallInstallation, fullInstallation])(
    'what is rendered is accepted, field for field',
    async (text) => {
      const pools =
        '{extract: {podLabels: {tier: a}}, clean: {nodeSelector: {zone: a}, tolerations: [{operator: Exists}]}}';
      const objects = renderPipeline(stored(withPools(pools)), installationOf(text));
      const strictly = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
      expect(await kubectlWith(strictly, objects)).toMatchObject({ code: 0, stderr: '' });

      // Plain pods are judged by the Pod Security Standard of the namespace; they need their accounts and priorities.
      const accounts = objects.filter(({ kind }) => kind === 'ServiceAccount').map(unowned);
      const priorities = ['later'].map((name) => ({ ...priorityClass, metadata: { name } }));
      const before = [...accounts, ...priorities];
      expect(await kubectlWith(['apply', '--server-side', '-f', '-'], before)).toMatchObject({ code: 0 });
      const pods = objects.flatMap(podOf);
      expect(pods).toHaveLength(3);
      expect(await kubectlWith(strictly, pods)).toMatchObject({ code: 0, stderr: '' });
      const root = pods.map((pod) => ({ ...pod, spec: { ...pod.spec, securityContext: { runAsUser: 0 } } }));
      expect((await kubectlWith(strictly, root)).stderr).toContain('violates PodSecurity "restricted:latest"');
      await kubectlWith(['delete', '-f', '-'], before);
    },
    60_000,
  );

  test('a second pass writes nothing, before and after the caches have heard of the first', async () => {
    const pipeline = await world.put(
      'still',
      withPools('{clean: {resources: {requests: {cpu: 1000m, memory: "0.5Gi"}}}}'),
    );
    const begin = await world.plane.auditMark();
    const first = await world.reconcile(pipeline, fullInstallation);
    expect(first).toMatchObject({ writes: 9 });
    expect(first.refused).toBeUndefined();
    expect(await ourWrites(begin)).toHaveLength(9);
    const afterFirst = await world.plane.auditMark();
    const again = await world.reconcile(pipeline, fullInstallation);
    expect(again.writes).toBe(0);
    await settled();
    const versions = await world.versions();
    expect((await world.reconcile(pipeline, fullInstallation)).writes).toBe(0);
    expect(await world.versions()).toEqual(versions);
    expect(await ourWrites(afterFirst)).toEqual([]);
    expect(again.pools.map(({ pool, kind, replicas }) => [pool, kind, replicas])).toEqual([
      ['extract', 'Deployment', 1],
      ['clean', 'Deployment', 0],
      ['warehouse', 'StatefulSet', 0],
    ]);
  }, 60_000);

  test('replicas are said once, and belong to whoever sets them', async () => {
    const spec = '{extract: {minReplicas: 0}, clean: {provider: External, minReplicas: 2}}';
    const pipeline = await world.put('scaled', withPools(spec));
    await world.reconcile(pipeline);
    expect(await deployment('scaled-clean')).toMatchObject({ spec: { replicas: 2 } });
    // Changed before anybody scaled: the number stays.
    const changed = await world.put('scaled', withPools(`${spec.slice(0, -1)}, warehouse: {podLabels: {a: b}}}`));
    await world.reconcile(changed, `${smallInstallation}allowPrivateNetworks: true`);
    expect(await deployment('scaled-clean')).toMatchObject({ spec: { replicas: 2 } });
    expect(await kubectl('scale', 'deployment', 'scaled-clean', '--replicas=5')).toMatchObject({ code: 0 });
    await world.api.apply(
      resourceTypes.deployments,
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { namespace, name: 'scaled-extract' },
        spec: { replicas: 3 },
      } as never,
      { fieldManager: scalerFieldManager, force: true },
    );
    await settled();
    for (const installation of [smallInstallation, fullInstallation, smallInstallation]) {
      const { writes, refused } = await world.reconcile(changed, installation);
      expect({ refused, some: writes > 0 }).toEqual({ some: true });
      expect(await deployment('scaled-clean')).toMatchObject({ spec: { replicas: 5 } });
      expect(await deployment('scaled-extract')).toMatchObject({ spec: { replicas: 3 } });
    }
    const state = (await world.reconcile(changed)).pools.find(({ pool }) => pool === 'clean');
    expect(state).toMatchObject({ replicas: 5, ready: 0 });
    // What kept the pods of the template before from coming may still be told.
    expect(state?.starting ?? state?.missing).toEqual(expect.any(String));
  }, 60_000);

  test('what was changed by hand in a field of ours is put right; what others added stays', async () => {
    const pipeline = await world.put('drift', usual);
    await world.reconcile(pipeline);
    await kubectl('set', 'image', 'deployment/drift-clean', 'worker=other');
    await kubectl('set', 'env', 'deployment/drift-clean', 'THEIRS=1');
    await kubectl(
      'patch',
      'networkpolicy',
      'drift-extract',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/spec/egress/0"}]',
    );
    await kubectl('delete', 'serviceaccount', 'drift-warehouse');
    await settled();
    expect((await world.reconcile(pipeline)).writes).toBe(3);
    const text = JSON.stringify(await deployment('drift-clean'));
    expect(text).toContain('registry.example/jobpulse:1');
    expect(text).toContain('THEIRS');
    await settled();
    expect((await world.reconcile(pipeline)).writes).toBe(0);
  }, 60_000);

  test('what is no longer wanted goes: a field, and a pool', async () => {
    const pipeline = await world.put('less', withPools('{clean: {nodeSelector: {zone: a}}}'));
    await world.reconcile(pipeline);
    expect(JSON.stringify(await deployment('less-clean'))).toContain('nodeSelector');
    const plain = await world.put('less', { datasets: [] });
    expect((await world.reconcile(plain)).writes).toBe(1 + 6);
    expect(JSON.stringify(await deployment('less-clean'))).not.toContain('nodeSelector');
    await settled();
    const names = [...(await world.versions()).keys()].filter((name) => name.includes(' less-'));
    expect(names.toSorted()).toEqual([
      'Deployment less-clean',
      'NetworkPolicy less-clean',
      'ServiceAccount less-clean',
    ]);
    expect((await world.reconcile(plain)).writes).toBe(0);
  }, 60_000);

  test('somebody else’s object is not taken over, and nothing else is made', async () => {
    expect(await kubectl('create', 'deployment', 'mine-clean', '--image=x')).toMatchObject({ code: 0 });
    const { conflict, writes } = await world.reconcile(await world.put('mine', usual));
    expect(writes).toBe(0);
    expect(conflict).toBe(
      'Deployment mine-clean is there already and was not made for this Pipeline. Give the Pipeline another name, ' +
        `or remove what is there: kubectl delete deployment mine-clean -n ${namespace}`,
    );
    expect([...(await world.versions()).keys()].filter((name) => name.includes(' mine-'))).toEqual([]);
  }, 60_000);

  test('an invalid manifest leaves what runs alone', async () => {
    await world.reconcile(await world.put('wrong', usual));
    const versions = await world.versions();
    const invalid = await world.put('wrong', usual.replace('path: /search', 'path: "/{{ params.nope }}"'));
    const { problems = [], writes, pools } = await world.reconcile(invalid);
    expect(problems.map(({ path }) => path)).toEqual(['spec.datasets[0].extract.rest.path']);
    expect({ writes, pools: pools.length }).toEqual({ writes: 0, pools: 3 });
    expect(await world.versions()).toEqual(versions);
  }, 60_000);

  test('a refusal of the API server is told; a volume keeps the size it was made with', async () => {
    const pipeline = await world.put('size', usual);
    await world.reconcile(pipeline);
    await settled();
    const larger = `${smallInstallation}warehouse: {duckdb: {storage: 99Gi}}`;
    expect((await world.reconcile(pipeline, larger)).refused).toBeUndefined();
    await settled();
    expect((await world.reconcile(pipeline, larger)).writes).toBe(0);
    const odd = await world.put('odd', withPools('{clean: {podLabels: {"not a label": x}}}'));
    const { refused } = await world.reconcile(odd);
    expect(refused).toMatch(/^Deployment odd-clean: .*not a label/);
  }, 60_000);
});
