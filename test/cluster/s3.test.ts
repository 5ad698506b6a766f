import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineRun } from '../../src/api/index.ts';
import { s3Store } from '../../src/connectors/stores/s3.ts';
import { jobpulse } from '../e2e/harness.ts';
import { describeWithGoProgram } from '../servers/goPrograms.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type S3Server, startS3 } from '../servers/s3.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, type ControllerProcess, root, startCluster } from './cluster.ts';

const withBoth = (name: string, tests: () => void) =>
  describeWithKubernetes(name, () => describeWithGoProgram('versitygw', 'and a bucket', tests));

withBoth('usajobs on a Kubernetes API', () => {
  let cluster: Cluster;
  let double: UsajobsDouble;
  let bucket: S3Server;
  let controller: ControllerProcess;
  beforeAll(async () => {
    [bucket, double] = await Promise.all([startS3(), startUsajobs()]);
    const { endpoint, env } = bucket;
    cluster = await startCluster({
      lake: `{s3: {bucket: lake, prefix: harbour, endpoint: "${endpoint}", secret: {name: lake-keys}}}`,
    });
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = env;
    const literals = [`--from-literal=access-key-id=${id}`, `--from-literal=secret-access-key=${secret}`];
    await cluster.kubectl(['create', 'secret', 'generic', 'lake-keys', ...literals]);
    const overlay = await cluster.kubectl(['kustomize', join(root, 'examples', 'overlays', 'usajobs-double')]);
    await cluster.kubectl(
      ['apply', '--server-side', '-f', '-'],
      overlay.replace('http://usajobs-double.example:8080', double.url),
    );
    controller = await cluster.startController();
  }, 120_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(readFileSync(controller.logFile, 'utf8'));
    await cluster?.stop();
    await double?.close();
    await bucket?.stop();
  });

  const create = async (name: string) => {
    const kind = { apiVersion: 'jobpulse.dev/v1alpha1', kind: 'PipelineRun', metadata: { name } };
    await cluster.kubectl(
      ['create', '-f', '-'],
      JSON.stringify({ ...kind, spec: { pipelineRef: { name: 'usajobs' } } }),
    );
  };
  const ended = async (name: string) => {
    await cluster.kubectl(['wait', '--for=condition=Succeeded', `pipelinerun/${name}`, '--timeout=170s']);
    return (await cluster.get<PipelineRun>(`pipelinerun/${name}`)).status;
  };

  test('a run completes, and what it made is in the bucket', async () => {
    await create('first');
    expect((await ended('first'))?.datasets?.[0]).toMatchObject({ read: 742, added: 736, rejected: 6 });
    const objects = await Array.fromAsync(s3Store({ ...bucket.place, prefix: 'harbour' }).list('default/usajobs'));
    expect(objects.map(({ path }) => path)).toContain('default/usajobs/owner.json');
    expect(objects.some(({ path }) => path.endsWith('.parquet'))).toBe(true);
  }, 180_000);

  test('whoever has credentials of the bucket sees the rejected rows, from outside the cluster', async () => {
    const { endpoint } = bucket;
    const lake = ['--lake', `s3://lake/harbour?endpoint=${endpoint}`, '--kubeconfig', cluster.plane.kubeconfig];
    const { code, stdout, stderr } = await jobpulse(['quarantine', 'ls', 'usajobs', ...lake], bucket.env);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^DATASET +REASON +ROWS.*\npostings +required:/);
  }, 60_000);

  test('a bucket that is away for a while holds a run up, and no more', async () => {
    await bucket.kill();
    await create('second');
    await sleep(15_000);
    await bucket.restart();
    expect((await ended('second'))?.datasets?.[0]).toMatchObject({ read: 742, added: 0, unchanged: 736 });
  }, 200_000);
});
