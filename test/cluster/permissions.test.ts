import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import {
  controllerRules,
  editorRules,
  leaseRules,
  permissionsFile,
  type Rule,
  viewerRules,
} from '../../src/controller/kubernetes/permissions.ts';
import type { AuditEntry } from '../servers/kubernetes/audit.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, namespace, root, startCluster, until } from './cluster.ts';
import { applyUsajobs, createRun, succeeded } from './overlay.ts';

test('the rules in the chart are those of the code', () => {
  const file = 'charts/jobpulse/files/permissions.yaml';
  expect(readFileSync(join(root, file), 'utf8'), 'npm run generate').toBe(permissionsFile());
});

const account = 'jobpulse';
const user = `system:serviceaccount:${namespace}:${account}`;
const granted = [...controllerRules, ...leaseRules('jobpulse-harbour')];

/** `create apps/deployments`, one a line, so that a difference reads well. */
const rightsOf = (rules: readonly Rule[]): readonly string[] =>
  rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
  );

/** The rights that a request needed: an apply that made an object needed `create`, too. */
const needed = ({ verb, group, resource, subresource, code }: AuditEntry): readonly string[] => {
  const what = `${group}/${resource}${subresource === '' ? '' : `/${subresource}`}`;
  return code === 201 && verb === 'patch' ? [`patch ${what}`, `create ${what}`] : [`${verb} ${what}`];
};

describeWithKubernetes('the controller as a ServiceAccount with the rules of the chart', () => {
  let cluster: Cluster;
  let double: UsajobsDouble;
  const apply = (...objects: object[]) =>
    cluster.kubectl(['apply', '--server-side', '-f', '-'], objects.map((each) => JSON.stringify(each)).join('\n---\n'));
  const patch = (spec: object) =>
    cluster.kubectl(['patch', 'jpl', 'usajobs', '--type=merge', '-p', JSON.stringify({ spec })]);
  const isThere = async (what: string) => (await cluster.plane.kubectl(['get', what])).code === 0;
  /** The number of times that a manifest was refused, as an event tells it. */
  const refused = (times: number) =>
    until(async () => {
      const { items } = await cluster.get<{ items: { reason: string; series?: { count: number } }[] }>(
        'events.events.k8s.io',
      );
      return items.some(({ reason, series }) => reason === 'SpecRefused' && (series?.count ?? 1) === times);
    });

  beforeAll(async () => {
    [cluster, double] = await Promise.all([startCluster({ audit: true }), startUsajobs()]);
    const metadata = { name: account, namespace };
    const rbac = 'rbac.authorization.k8s.io';
    await apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
      { apiVersion: `${rbac}/v1`, kind: 'Role', metadata, rules: granted },
      {
        ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata },
        roleRef: { apiGroup: rbac, kind: 'Role', name: account },
        subjects: [{ kind: 'ServiceAccount', name: account, namespace }],
      },
    );
    await cluster.startController('controller-1', { as: { serviceAccount: account, namespace } });
  }, 120_000);
  afterAll(async () => {
    await cluster?.stop();
    await double?.close();
  });

  test('does all that it has to do', async () => {
    await applyUsajobs(cluster, double);
    // A run that the controller makes, after one that a person makes.
    const { spec } = await cluster.get<Pipeline>('jpl/usajobs');
    const follower = {
      apiVersion: 'jobpulse.dev/v1alpha1',
      kind: 'Pipeline',
      metadata: { name: 'follower', namespace },
    };
    await apply({ ...follower, spec: { ...spec, schedule: undefined, after: ['usajobs'] } });
    // A pool that shrinks while one of it is busy: that pod is marked before.
    await patch({ workers: { extract: { minReplicas: 2, maxReplicas: 2 } } });
    double.behave({ latencyMs: 5_000 });
    const first = await createRun(cluster, { ttl: '1s' });
    await until(() => double.ledger().requests.length > 0);
    await patch({ workers: { extract: { minReplicas: 0, maxReplicas: 1 } } });
    await succeeded(cluster, first);
    double.behave({ latencyMs: 0 });
    await until(async () =>
      (await cluster.get<{ items: PipelineRun[] }>('jpr')).items.some(
        (run) => run.spec.pipelineRef.name === 'follower',
      ),
    );
    // A run whose time is over, and that is not the newest.
    await succeeded(cluster, await createRun(cluster));
    await until(async () => !(await isThere(first)));
    // The same refusal of two manifests is a series of one event.
    await patch({ schedule: 'nonsense' });
    await refused(1);
    await patch({ description: 'still nonsense' });
    await refused(2);
    // A pool that is no longer used.
    await patch({ schedule: '0 6 * * *', datasets: [], transform: null });
    await until(async () => !(await isThere('statefulset/usajobs-warehouse')));
  }, 180_000);

  test('without being refused anything, and with no right that it does not use', async () => {
    const ours = (await cluster.plane.audit()).filter((entry) => entry.user === user);
    expect(ours.filter(({ code }) => code === 401 || code === 403)).toEqual([]);
    const used = new Set(ours.flatMap(needed));
    expect([...used].toSorted()).toEqual([...new Set(rightsOf(granted))].toSorted());
  });

  test('and none over Secrets', async () => {
    const who = ['--as', user];
    for (const denied of [
      'get secrets',
      'list configmaps',
      'create pods --subresource=exec',
      'update jpl',
      'delete jpl',
    ]) {
      const { stdout } = await cluster.plane.kubectl(['auth', 'can-i', ...denied.split(' '), ...who]);
      expect(`${denied}: ${stdout.trim()}`).toBe(`${denied}: no`);
    }
  });

  test('people who may view or edit a namespace may do so with pipelines', async () => {
    const role = (name: string, to: string, rules: readonly Rule[]) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name, labels: { [`rbac.authorization.k8s.io/aggregate-to-${to}`]: 'true' } },
      rules,
    });
    await apply(role('jobpulse-view', 'view', viewerRules), role('jobpulse-edit', 'edit', editorRules));
    for (const [name, clusterRole] of [
      ['vera', 'view'],
      ['edgar', 'edit'],
    ] as const) {
      await cluster.kubectl(['create', 'rolebinding', name, `--clusterrole=${clusterRole}`, `--user=${name}`]);
    }
    const can = async (who: string, verb: string) =>
      (await cluster.plane.kubectl(['auth', 'can-i', ...verb.split(' '), '--as', who])).stdout.trim();
    await until(async () => (await can('edgar', 'create jpr')) === 'yes');
    await until(async () => (await can('vera', 'list jpl')) === 'yes');
    expect(await can('vera', 'create jpr')).toBe('no');
    expect(await can('edgar', 'patch pipelines --subresource=status')).toBe('no');
  });
});
