import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { App, Chart } from 'cdk8s';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthesise } from '../../cdk8s/app.ts';
import { derivedPasswords, JobpulseInstallation } from '../../cdk8s/index.ts';
import { monitored, valuesOf, variants } from '../chart/variants.ts';
import { temporaryFolder } from '../e2e/harness.ts';
import { configConnectorKinds } from '../servers/configConnector.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../servers/kubernetes/controlPlane.ts';
import { allEstablished } from '../servers/kubernetes/established.ts';
import { describeWithModules, moduleFiles } from '../servers/kubernetes/modules.ts';
import { prometheusOperatorKinds } from '../servers/prometheusOperator.ts';

const root = join(import.meta.dirname, '..', '..');

describeWithKubernetes('a real API server takes what cdk8s makes', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await plane.kubectl(['apply', '--server-side', '-f', join(root, 'crds')]);
    const items = { apiVersion: 'v1', kind: 'List', items: configConnectorKinds };
    const cloud = await plane.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(items) });
    expect(cloud.code, cloud.stderr).toBe(0);
    for (const namespace of ['work', 'jobs', 'fairs', 'jobpulse'])
      await plane.kubectl(['create', 'namespace', namespace]);
    const restricted = 'pod-security.kubernetes.io/enforce=restricted';
    await plane.kubectl(['label', 'namespace', 'work', 'jobpulse', restricted]);
    await allEstablished(plane);
  }, 120_000);
  afterAll(() => plane?.stop());

  /** Everything in a folder, as if it were applied: the server checks every field, and admits the pods. */
  const taken = async (folder: string): Promise<string> => {
    const dryRun = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-f', folder];
    const { code, stdout, stderr } = await plane.kubectl(dryRun, { timeoutMs: 120_000 });
    expect(stderr).not.toMatch(/would violate/);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  test.each([['with a Redis of its own', 'a made-up seed'] as const, ['with a Redis of yours', ''] as const])(
    'what `npm run synth` writes, %s',
    async (_, seed) => {
      const folder = temporaryFolder();
      synthesise(folder, seed);
      const told = await taken(folder);
      for (const name of ['coresignal', 'usajobs', 'vacancies'])
        expect(told).toContain(`pipeline.jobpulse.dev/${name} `);
      expect(told).toContain('deployment.apps/jobpulse ');
      for (const kind of ['storagebucket', 'bigquerydataset', 'iamserviceaccount', 'iampartialpolicy']) {
        expect(told).toContain(`${kind}.`);
      }
    },
  );

  test('every combination of values', async () => {
    const told = await taken(written(Object.entries(variants)));
    expect(told.split('deployment.apps/quay ')).toHaveLength(Object.keys(variants).length + 1);
  });

  describeWithModules([prometheusOperatorKinds], 'with the kinds of the Prometheus operator', () => {
    test('pods to look at and rules', async () => {
      const kinds = moduleFiles(prometheusOperatorKinds);
      const files = ['podmonitors', 'prometheusrules'].map(
        (kind) => `--filename=${kinds}/monitoring.coreos.com_${kind}.yaml`,
      );
      const { code, stderr } = await plane.kubectl(['apply', '--server-side', ...files]);
      expect(code, stderr).toBe(0);
      await allEstablished(plane);
      const told = await taken(written([['monitored', monitored]]));
      expect(told).toMatch(/podmonitor\S* serverside-applied/);
      expect(told).toMatch(/prometheusrule\S* serverside-applied/);
    });
  });
});

/** A folder with an installation for each of the combinations. */
function written(combinations: readonly (readonly [string, readonly string[]])[]): string {
  const app = new App({ outdir: temporaryFolder() });
  mkdirSync(app.outdir, { recursive: true });
  for (const [name, set] of combinations) {
    const chart = new Chart(app, name.replaceAll(/[^a-z]+/gi, '-').toLowerCase(), { namespace: 'work' });
    new JobpulseInstallation(chart, 'quay', { redisPassword: derivedPasswords('made-up'), ...valuesOf(set) });
  }
  app.synth();
  return app.outdir;
}
