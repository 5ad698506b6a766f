import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { childName } from '../../src/controller/kubernetes/names.ts';
import { metrics } from '../../src/observability/metricList.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../servers/kubernetes/controlPlane.ts';
import { describeWithModules, type ModuleFiles, moduleFiles } from '../servers/kubernetes/modules.ts';
import { root } from './markdown.ts';

const folder = join(root, 'examples', 'scaling');
const kedaCrds: ModuleFiles = {
  module: 'github.com/kedacore/keda/v2',
  version: 'v2.21.0',
  sum: 'h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=',
  path: 'config/crd/bases',
};

interface ScaledObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly name: string };
    readonly triggers: readonly [{ readonly type: string; readonly metadata: Readonly<Record<string, string>> }];
  };
}
const scaledObject = parse(readFileSync(join(folder, 'scaledobject.yaml'), 'utf8')) as ScaledObject;
const pool = childName('usajobs', 'extract');

describe('a pool that something else scales', () => {
  test('KEDA asks for a metric that there is, of the pool that it scales', () => {
    const [{ metadata }] = scaledObject.spec.triggers;
    const [, name, selector = ''] = /(\w+)\{(.*)\}/.exec(metadata.query ?? '') ?? [];
    const labels = Object.fromEntries([...selector.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
    const declared = metrics.find((metric) => `jobpulse_${metric.name}` === name);
    expect(declared).toMatchObject({ name: 'backlog', labels: Object.keys(labels) });
    expect(labels).toEqual({ namespace: 'default', pipeline: 'usajobs', pool: 'extract' });
    expect(scaledObject.spec.scaleTargetRef.name).toBe(pool);
  });

  describeWithKubernetes('on a real API server', () => {
    let plane: ControlPlane;
    beforeAll(async () => {
      plane = await startControlPlane();
      await accepted(['apply', '--server-side', '-f', join(root, 'crds')]);
    }, 180_000);
    afterAll(() => plane?.stop());

    const accepted = async (args: readonly string[], input?: string) => {
      const { code, stdout, stderr } = await plane.kubectl(args, input === undefined ? {} : { input });
      expect(code, stderr).toBe(0);
      return stdout;
    };
    const dryRun = ['apply', '--dry-run=server', '-o', 'name'];

    test('the Pipeline and its HorizontalPodAutoscaler are accepted, and mean the same pool', async () => {
      await expect.poll(async () => (await plane.kubectl(['get', 'jpl'])).code, { timeout: 60_000 }).toBe(0);
      expect((await accepted([...dryRun, '-k', folder])).split('\n')).toEqual(
        expect.arrayContaining([`horizontalpodautoscaler.autoscaling/${pool}`, 'pipeline.jobpulse.dev/usajobs']),
      );
      const built = (await accepted(['kustomize', folder])).split('\n---\n').map((each) => parse(each));
      expect(built.find(({ kind }) => kind === 'Pipeline').spec.workers.extract.provider).toBe('External');
      expect(built.find(({ kind }) => kind === 'HorizontalPodAutoscaler').spec.scaleTargetRef).toEqual({
        ...{ apiVersion: 'apps/v1', kind: 'Deployment', name: pool },
      });
    }, 120_000);

    describeWithModules([kedaCrds], 'with the kinds of KEDA', () => {
      test('they are installed', async () => {
        await accepted(['apply', '--server-side', '-f', moduleFiles(kedaCrds)]);
        await expect
          .poll(async () => (await plane.kubectl(['get', 'scaledobjects'])).code, { timeout: 60_000 })
          .toBe(0);
      }, 120_000);

      test('the ScaledObject is accepted', async () => {
        expect(await accepted([...dryRun, '-f', join(folder, 'scaledobject.yaml')])).toBe(
          `scaledobject.keda.sh/${pool}\n`,
        );
      });

      test.each<[string, object, RegExp]>([
        ['a number that is none', { pollingInterval: 'often' }, /pollingInterval.*must be.*integer/],
        ['a field that there is none of', { coolDownPeriod: 60 }, /unknown field "spec.coolDownPeriod"/],
      ])('%s is refused', async (_, wrong, why) => {
        const input = stringify({ ...scaledObject, spec: { ...scaledObject.spec, ...wrong } });
        const { code, stderr } = await plane.kubectl([...dryRun, '-f', '-'], { input });
        expect(code).not.toBe(0);
        expect(stderr).toMatch(why);
      });
    });
  });
});
