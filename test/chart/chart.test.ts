import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { valuesSchema } from '../../scripts/valuesSchema.ts';
import { parseInstallation } from '../../src/controller/kubernetes/installation.ts';
import { describeWithGoProgram, findGoProgram } from '../servers/goPrograms.ts';
import { findKubernetes, howToGetKubernetes } from '../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../servers/kubernetes/controlPlane.ts';
import { allEstablished } from '../servers/kubernetes/established.ts';
import { describeWithModules, moduleFiles } from '../servers/kubernetes/modules.ts';
import { prometheusOperatorKinds } from '../servers/prometheusOperator.ts';
import { dashboards } from './dashboardFiles.ts';
import { monitored, variants } from './variants.ts';

const root = join(import.meta.dirname, '..', '..');
const chart = join(root, 'charts', 'jobpulse');
const read = (...path: string[]) => readFileSync(join(...path), 'utf8');

/** Runs helm; rejects with what it wrote when it fails. */
const helm = async (args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(findGoProgram('helm') ?? 'helm', args, { maxBuffer: 64 * 2 ** 20 })).stdout;

interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly rules?: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[];
  readonly spec?: {
    readonly template?: { readonly spec: { readonly containers: readonly { readonly args: string[] }[] } };
  };
}

test('what the chart holds is what the project has: run `npm run generate`', () => {
  expect(read(chart, 'values.schema.json')).toBe(valuesSchema(read(chart, 'values.yaml')));
  for (const file of readdirSync(join(root, 'crds'))) {
    expect(read(chart, 'files', 'crds', file)).toBe(read(root, 'crds', file));
  }
});

/** Passwords are made anew each time, and so are their digests. */
const withoutPasswords = (text: string): string =>
  text.replaceAll(/(?<=redis:\/\/[\w-]+:|password-[\w-]+: )\w+/g, 'PASSWORD').replaceAll(/(?<= on #)\w+/g, 'DIGEST');

describeWithGoProgram('helm', 'the chart', () => {
  const render = async (set: readonly string[], ...more: readonly string[]): Promise<readonly Manifest[]> => {
    const values = set.flatMap((each) => ['--set', each]);
    const text = await helm(['template', 'quay', chart, '--namespace', 'work', ...values, ...more]);
    return parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? []);
  };
  const find = (manifests: readonly Manifest[], kind: string, name: string): Manifest => {
    const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
    if (!found) throw new Error(`no ${kind} ${name}`);
    return found;
  };

  test('has nothing that lint finds', async () => {
    expect(await helm(['lint', chart, '--strict'])).toContain('0 chart(s) failed');
  });

  for (const [name, set] of Object.entries(variants)) {
    test(`${name}: the controller can read what it is started with`, async () => {
      const document = find(await render(set), 'ConfigMap', 'quay').data?.['installation.yaml'] ?? '';
      expect(parseInstallation(document, 'installation.yaml').id).toBe('quay');
    });
  }

  for (const name of ['as it comes', 'all namespaces']) {
    test(`${name}: what is rendered is what was looked at last; \`vitest run test/chart -u\` takes what changed`, async () => {
      const values = ['crds.enabled=false', ...(variants[name] ?? [])].flatMap((each) => ['--set', each]);
      const text = await helm(['template', 'quay', chart, '--namespace', 'work', ...values]);
      const file = join(import.meta.dirname, 'rendered', `${name.replaceAll(' ', '-')}.yaml`);
      await expect(withoutPasswords(text)).toMatchFileSnapshot(file);
    });
  }

  test('the warehouse of Pipelines that say nothing of theirs is the one of the Secret that is named', async () => {
    const documentOf = async (name: string) =>
      parseInstallation(
        find(await render(variants[name] ?? []), 'ConfigMap', 'quay').data?.['installation.yaml'] ?? '',
        'installation.yaml',
      );
    const { warehouse, networkPolicy } = await documentOf('tables in PostgreSQL');
    expect(warehouse.postgres).toEqual({
      secret: { name: 'postgres', key: 'url' },
      ca: { name: 'authority', key: 'ca.crt' },
    });
    expect(networkPolicy.warehouse).toEqual({ to: [], ports: [6432] });
    expect((await documentOf('as it comes')).warehouse.postgres).toBeUndefined();
  });

  test('a value that is not known, or not of its kind, is refused', async () => {
    await expect(render(['nonsense=1'])).rejects.toThrow('nonsense');
    await expect(render(['controller.replicas=many'])).rejects.toThrow('replicas');
    await expect(render(['redis.bundled=false'])).rejects.toThrow('redis.existingSecret.name');
  });

  test('each namespace has a Role, a claim, and a user of Redis that sees its own keys only', async () => {
    const manifests = await render(variants['several namespaces'] ?? []);
    const of = (kind: string) =>
      manifests.filter((each) => each.kind === kind).map(({ metadata }) => metadata.namespace);
    expect(of('PersistentVolumeClaim').sort()).toEqual(['fairs', 'jobs', 'work']);
    expect(of('Role').sort()).toEqual(['fairs', 'jobs', 'work', 'work']); // one for the Lease
    const users = find(manifests, 'Secret', 'quay-redis').stringData?.['users.acl'] ?? '';
    for (const namespace of ['work', 'jobs', 'fairs']) expect(users).toContain(`~{jp:${namespace}}:* `);
    const args = find(manifests, 'Deployment', 'quay').spec?.template?.spec.containers[0]?.args;
    expect(args).toEqual(expect.arrayContaining(['--namespace=work', '--namespace=jobs', '--namespace=fairs']));
  });

  test('dashboards come as files of a ConfigMap that the sidecar of Grafana knows by its label', async () => {
    const { data = {}, metadata } = find(await render(monitored), 'ConfigMap', 'quay-dashboards');
    expect(metadata).toMatchObject({
      labels: { grafana_dashboard: '1' },
      annotations: { grafana_folder: 'Jobpulse' },
    });
    const uids = Object.values(data).map((text) => (JSON.parse(text) as { uid: string }).uid);
    expect(uids).toEqual([...dashboards.values()].map(({ uid }) => uid));
  });

  test('definitions and data stay when the release goes', async () => {
    const manifests = await render([]);
    const kept = manifests.filter(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep');
    expect(kept.map(({ kind }) => kind).sort()).toEqual([
      'CustomResourceDefinition',
      'CustomResourceDefinition',
      'PersistentVolumeClaim',
    ]);
  });

  test('nobody gets rights over Secrets, or into pods', async () => {
    const rules = (await render([])).flatMap((manifest) => manifest.rules ?? []);
    const resources = rules.flatMap((rule) => rule.resources);
    expect(resources).not.toEqual(expect.arrayContaining(['secrets']));
    expect(resources).not.toEqual(expect.arrayContaining(['pods/exec']));
    expect(rules.flatMap(({ verbs }) => verbs)).not.toContain('*');
  });

  const isMissing = findKubernetes() === undefined;
  const where = isMissing ? `on a real API server (needs Kubernetes: ${howToGetKubernetes})` : 'on a real API server';
  describe.skipIf(isMissing)(where, () => {
    let plane: ControlPlane;
    beforeAll(async () => {
      plane = await startControlPlane();
      for (const namespace of ['work', 'jobs', 'fairs']) await plane.kubectl(['create', 'namespace', namespace]);
      // Pods of the release are admitted where only restricted ones are.
      await plane.kubectl(['label', 'namespace', 'work', 'pod-security.kubernetes.io/enforce=restricted']);
    }, 120_000);
    afterAll(() => plane?.stop());

    for (const [name, set] of Object.entries(variants)) {
      test(`${name}: everything is taken`, async () => {
        const values = set.flatMap((each) => ['--set', each]);
        const input = await helm(['template', 'quay', chart, '--namespace', 'work', '--no-hooks', ...values]);
        const applied = await plane.kubectl(
          ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'],
          { input },
        );
        expect(applied.stderr).not.toMatch(/would violate/);
        expect(applied.code, applied.stderr).toBe(0);
      });
    }

    describeWithModules([prometheusOperatorKinds], 'with the kinds of the Prometheus operator', () => {
      test('every combination of values is taken with pods to look at and rules', async () => {
        const kinds = moduleFiles(prometheusOperatorKinds);
        const files = ['podmonitors', 'prometheusrules'].map(
          (kind) => `-f=${kinds}/monitoring.coreos.com_${kind}.yaml`,
        );
        await plane.kubectl(['apply', '--server-side', ...files]);
        await allEstablished(plane);
        const texts = await Promise.all(
          Object.values(variants).map((set) => {
            const values = [...set, ...monitored].flatMap((each) => ['--set', each]);
            return helm(['template', 'quay', chart, '--namespace', 'work', '--no-hooks', ...values]);
          }),
        );
        const dryRun = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', '-'];
        const { code, stdout, stderr } = await plane.kubectl(dryRun, { input: texts.join('\n'), timeoutMs: 110_000 });
        expect(code, stderr).toBe(0);
        for (const kind of ['podmonitor', 'prometheusrule']) {
          expect(stdout.split(`${kind}.monitoring.coreos.com/quay `)).toHaveLength(texts.length + 1);
        }
      }, 120_000);
    });

    test('a release is installed, upgraded and uninstalled; the definitions stay', async () => {
      const release = ['quay', '--namespace', 'work', '--kubeconfig', plane.kubeconfig];
      await helm(['install', ...release.slice(0, 1), chart, ...release.slice(1)]);
      const password = () => plane.kubectl(['-n', 'work', 'get', 'secret', 'quay-redis', '-o', 'jsonpath={.data.url}']);
      const before = (await password()).stdout;
      await helm(['upgrade', ...release.slice(0, 1), chart, ...release.slice(1), '--set', 'controller.logLevel=debug']);
      expect((await password()).stdout).toBe(before);
      await helm(['uninstall', ...release]);
      expect((await plane.kubectl(['get', 'crd', 'pipelines.jobpulse.dev'])).code).toBe(0);
      expect((await plane.kubectl(['-n', 'work', 'get', 'pvc', 'quay-lake'])).code).toBe(0);
      expect((await plane.kubectl(['-n', 'work', 'get', 'deployment', 'quay'])).code).toBe(1);
    });
  });
});
