import { describe, expect, test } from 'vitest';
import { networkPolicySpec } from '../../../../src/controller/kubernetes/render/networkPolicy.ts';
import { podTemplate } from '../../../../src/controller/kubernetes/render/pod.ts';
import { poolSettings } from '../../../../src/controller/kubernetes/render/pools.ts';
import type { Json } from '../../../../src/run/key.ts';
import type { WorkerConfig } from '../../../../src/workers/config.ts';
import { installationOf, smallInstallation, stored, usual } from './world.ts';

const withLake = (lake: string) =>
  installationOf(smallInstallation.replace('{filesystem: {claimName: jobpulse-lake}}', lake));

interface Pod {
  readonly spec: {
    readonly volumes: readonly { readonly name: string }[];
    readonly containers: readonly {
      readonly env: readonly { readonly name: string; readonly value: string }[];
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
    }[];
  };
}

function podWith(lake: string) {
  const installation = withLake(lake);
  const pipeline = stored(usual);
  const settings = poolSettings(pipeline, installation, 'clean');
  const pod = podTemplate({
    ...{ pipeline, installation, settings, pool: 'clean', labels: {}, selector: { matchLabels: {} } },
  }) as unknown as Pod;
  const [container] = pod.spec.containers;
  const config = JSON.parse(container?.env.find(({ name }) => name === 'JOBPULSE_WORKER')?.value ?? '') as WorkerConfig;
  return { volumes: pod.spec.volumes, mounts: container?.volumeMounts ?? [], config };
}

describe('a lake in a bucket', () => {
  test('with a Secret: its files, and where they are', () => {
    const { volumes, mounts, config } = podWith(
      '{s3: {bucket: jobs, prefix: a/b, endpoint: "http://minio.example:9000", secret: {name: lake-keys}}}',
    );
    expect(config.lake).toEqual({
      ...{ bucket: 'jobs', prefix: 'a/b', endpoint: 'http://minio.example:9000' },
      credentialsDir: '/etc/jobpulse/lake',
    });
    expect(volumes).toContainEqual({ name: 'lake-credentials', secret: { secretName: 'lake-keys' } });
    expect(mounts).toContainEqual({ name: 'lake-credentials', mountPath: '/etc/jobpulse/lake', readOnly: true });
    expect([...volumes, ...mounts].filter(({ name }) => name === 'lake')).toEqual([]);
  });

  test('without: the pod has an identity of its own', () => {
    const { volumes, mounts, config } = podWith('{s3: {bucket: jobs, region: eu-central-1}}');
    expect(config.lake).toEqual({ bucket: 'jobs', region: 'eu-central-1' });
    expect([...volumes, ...mounts].filter(({ name }) => name.startsWith('lake'))).toEqual([]);
  });

  test.each([
    ['{s3: {bucket: jobs}}', 443],
    ['{s3: {bucket: jobs, endpoint: "http://minio.example:9000"}}', 9000],
    ['{s3: {bucket: jobs, endpoint: "http://minio.example"}}', 80],
  ])('%s is reached at port %i, also by pools that see no internet', (lake, port) => {
    const { egress } = networkPolicySpec(withLake(lake), 'clean', {}, stored(usual)) as { egress: Json[] };
    expect(egress).toContainEqual({ ports: [{ protocol: 'TCP', port }] });
  });
});
