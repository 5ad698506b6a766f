import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { App, Chart } from 'cdk8s';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { derivedPasswords, JobpulseInstallation, type JobpulseInstallationProps } from '../../cdk8s/index.ts';
import type { Manifest } from '../../cdk8s/installation/settings.ts';
import { monitored, valuesOf, variants } from '../chart/variants.ts';
import { temporaryFolder } from '../e2e/harness.ts';
import { describeWithGoProgram, findGoProgram } from '../servers/goPrograms.ts';

const root = join(import.meta.dirname, '..', '..');

/** An installation in a namespace: the text of the file that is written. */
function synthesised(props: JobpulseInstallationProps): string {
  const app = new App({ outdir: temporaryFolder() });
  const chart = new Chart(app, 'chart', { namespace: 'work' });
  new JobpulseInstallation(chart, 'quay', { redisPassword: derivedPasswords('made-up'), ...props });
  app.synth();
  return readFileSync(join(app.outdir, 'chart.k8s.yaml'), 'utf8');
}

const all = {
  ...variants,
  'the Prometheus operator': monitored,
  'the same of all namespaces': [...monitored, 'watch.all=true'],
};

describeWithGoProgram('helm', 'an installation by cdk8s is what the chart makes', () => {
  for (const [name, set] of Object.entries(all)) {
    test(name, async () => {
      const ofChart = await rendered(set);
      const passwords = ofChart.find(({ kind, metadata }) => kind === 'Secret' && metadata.namespace === 'work');
      const password = (who: string) =>
        (passwords?.stringData as Readonly<Record<string, string>> | undefined)?.[`password-${who}`] ?? 'none';
      const ours = synthesised({ ...valuesOf(set), redisPassword: password });
      expect(comparable(objectsOf(ours))).toEqual(comparable(ofChart));
    });
  }
});

test('an installation with a Redis of yours, in full', async () => {
  const props = { redis: { bundled: false, existingSecret: { name: 'my-redis' } }, crds: { enabled: false } };
  const lake = { s3: { bucket: 'jobs', region: 'eu-west-1' } };
  const rbac = { aggregate: false };
  await expect(synthesised({ ...props, lake, rbac })).toMatchFileSnapshot('golden/installation.yaml');
});

test('passwords are needed, follow from one secret, and no two are the same', () => {
  const chart = new Chart(new App({ outdir: temporaryFolder() }), 'chart');
  expect(() => new JobpulseInstallation(chart, 'quay')).toThrow('derivedPasswords(process.env.JOBPULSE_SEED)');
  const [one, same, other] = ['seed', 'seed', 'another'].map((seed) => derivedPasswords(seed));
  expect(one?.('jobs')).toBe(same?.('jobs'));
  expect(new Set([one?.('jobs'), one?.('fairs'), other?.('jobs')]).size).toBe(3);
});

test('what the controller could not be started with is told at synthesis', () => {
  const app = new App({ outdir: temporaryFolder() });
  const workers = { pools: { clean: { maxReplicas: 'many' } } };
  new JobpulseInstallation(new Chart(app, 'chart'), 'quay', { workers, redisPassword: derivedPasswords('made-up') });
  expect(() => app.synth()).toThrow(/\[chart\/quay\] the installation is not valid:\n {2}.*pools\.clean\.maxReplicas/);
});

async function rendered(set: readonly string[]): Promise<readonly Manifest[]> {
  const values = set.flatMap((each) => ['--set', each]);
  const chart = join(root, 'charts', 'jobpulse');
  const args = ['template', 'quay', chart, '--namespace', 'work', '--no-hooks', ...values];
  const { stdout } = await promisify(execFile)(findGoProgram('helm') ?? 'helm', args, { maxBuffer: 64 * 2 ** 20 });
  return objectsOf(stdout);
}

const objectsOf = (text: string): readonly Manifest[] =>
  parseAllDocuments(text).flatMap((document) => (document.toJS() as Manifest | null) ?? []);

/** Without what tells who made it, and documents as what they mean; by kind, namespace and name. */
function comparable(objects: readonly Manifest[]): Readonly<Record<string, unknown>> {
  const entries = objects.map((object) => {
    const { kind, metadata } = object;
    return [[kind, metadata.namespace, metadata.name].join(' '), plain(object)] as const;
  });
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const ofMaker = ['helm.sh/chart', 'helm.sh/resource-policy', 'app.kubernetes.io/managed-by', 'checksum/installation'];

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !ofMaker.includes(name))
      .map(([name, member]) => [name, name === 'installation.yaml' ? parse(String(member)) : plain(member)] as const)
      .filter(([name, member]) => name !== 'annotations' || Object.keys(member as object).length > 0),
  );
}
