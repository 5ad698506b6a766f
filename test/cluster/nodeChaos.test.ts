import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import { s3Store } from '../../src/connectors/stores/s3.ts';
import type { RunReport } from '../../src/run/report.ts';
import { describeWithGoProgram } from '../servers/goPrograms.ts';
import { describeWithNode } from '../servers/kubernetes/nodeBinaries.ts';
import { nodeName } from '../servers/kubernetes/nodeConfig.ts';
import { type S3Server, startS3 } from '../servers/s3.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type ChartNode, startChartNode } from './chartNode.ts';
import { until } from './cluster.ts';
import { type History, recordRuns } from './history.ts';
import { countsOf, isEnd } from './storm.ts';
import { tableHash } from './warehouseCopy.ts';

const onNode = (name: string, tests: () => void) =>
  describeWithNode(name, () =>
    describeWithGoProgram('helm', 'with its chart', () => describeWithGoProgram('versitygw', 'and a bucket', tests)),
  );

/** What breaks in a cluster: what a person reads meanwhile, and that nothing is missing or double afterwards. */
onNode('a real node on which things break', () => {
  let cluster: ChartNode;
  let double: UsajobsDouble;
  let bucket: S3Server;
  let history: History;
  let undisturbed: { readonly counts: ReturnType<typeof countsOf>; readonly table: string };
  /** How many requests an undisturbed run makes. */
  let ideal: number;
  beforeAll(async () => {
    cluster = await startChartNode();
    const host = cluster.node.hostAddress;
    [bucket, double] = await Promise.all([startS3(host), startUsajobs({ host, seed: 11 })]);
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = bucket.env;
    const literals = [`--from-literal=access-key-id=${id}`, `--from-literal=secret-access-key=${secret}`];
    await cluster.kubectl(['create', 'secret', 'generic', 'lake-keys', ...literals]);
    const lake = ['bucket=lake', 'prefix=harbour', `endpoint=${bucket.endpoint}`, 'secret.name=lake-keys'];
    await cluster.install([...lake.map((each) => `lake.s3.${each}`), 'workers.pod.graceSeconds=5']);
    history = await recordRuns(cluster.node.plane, cluster.namespace);
    await cluster.pipeline('calm', double);
    const run = await cluster.run('calm');
    expect((await cluster.ended(run)).status?.phase).toBe('Succeeded');
    undisturbed = { counts: await counts(run, 'calm'), table: await table('calm') };
    ideal = double.ledger().requests.length;
  }, 600_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(await cluster.told());
    await history?.stop();
    await Promise.all([cluster?.stop(), double?.close(), bucket?.stop()]);
  }, 60_000);

  const counts = async (run: string, pipeline: string) => {
    const path = `${cluster.namespace}/${pipeline}/_jobpulse/runs/${run}.json`;
    const report = await s3Store({ ...bucket.place, prefix: 'harbour' }).get(path);
    return countsOf(JSON.parse(String(report)) as RunReport);
  };
  const claimOf = (pipeline: string) => cluster.node.folders.of(cluster.namespace, `warehouse-${pipeline}-warehouse-0`);
  const table = (pipeline: string, folder = claimOf(pipeline)) =>
    tableHash(folder, `${pipeline}.postings`, 'matched_object_id');

  /** Starts a run of a new Pipeline against a slow source, and waits until it has asked a few times. */
  const begin = async (pipeline: string, spec: Partial<Pipeline['spec']> = {}): Promise<string> => {
    double.reset();
    double.behave({ latencyMs: 700 });
    await cluster.pipeline(pipeline, double, spec);
    return cluster.run(pipeline);
  };
  const underWay = () => until(() => double.ledger().requests.length > 2, 120_000);

  /** The run ends well, once, and leaves the same as the undisturbed one. */
  const expectUndisturbed = async (run: string, pipeline: string): Promise<void> => {
    double.behave({ latencyMs: 0 });
    const { status } = await cluster.ended(run);
    expect(status?.phase, JSON.stringify(status?.failures)).toBe('Succeeded');
    expect(history.phases(run).filter(isEnd)).toEqual(['Succeeded']);
    expect(await counts(run, pipeline)).toEqual(undisturbed.counts);
    expect(await table(pipeline)).toBe(undisturbed.table);
    await until(async () => (await condition(pipeline, 'Ready')).startsWith('True'));
  };

  /** A condition as `status reason: message`. */
  const condition = async (pipeline: string, type: string): Promise<string> => {
    const { status } = await cluster.get<Pipeline>('jpl', pipeline);
    const found = status?.conditions?.find((each) => each.type === type);
    return `${found?.status} ${found?.reason}: ${found?.message}`;
  };
  const untilCondition = (pipeline: string, type: string, pattern: RegExp) =>
    expect.poll(() => condition(pipeline, type), { timeout: 180_000, interval: 300 }).toMatch(pattern);
  const untilEvent = (pipeline: string, pattern: RegExp) =>
    expect.poll(() => cluster.kubectl(['describe', 'jpl', pipeline]), { timeout: 120_000 }).toMatch(pattern);
  const deletePods = (selector: string) =>
    cluster.kubectl(['delete', 'pods', '-l', selector, '--force', '--grace-period=0']);

  test('workers deleted at their steps: others take over', async () => {
    const run = await begin('struck');
    await underWay();
    await deletePods('jobpulse.dev/pipeline=struck');
    await expectUndisturbed(run, 'struck');
    // What was asked and not yet kept is asked again: at most two at a time.
    expect(double.ledger().requests.length - ideal).toBeLessThanOrEqual(2);
  }, 300_000);

  test('a node that is drained: a controller stays and says that no node takes pods; the run goes on after it', async () => {
    const run = await begin('moved');
    await underWay();
    const words = ['drain', nodeName, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=25s'];
    const { stderr } = await cluster.node.plane.kubectl(words);
    expect(stderr).toMatch(/disruption budget/);
    await untilCondition(
      'moved',
      'WorkersReady',
      /^False Workers(Starting|Missing): .*Unschedulable \(.*unschedulable/,
    );
    await cluster.kubectl(['uncordon', nodeName]);
    await expectUndisturbed(run, 'moved');
  }, 400_000);

  test('workers that get too little memory: told with the exit code; given more, they do the run', async () => {
    const resources = { requests: { memory: '24Mi' }, limits: { memory: '40Mi' } };
    const run = await begin('tight', { workers: { clean: { provider: 'Internal', resources } } });
    await untilCondition('tight', 'WorkersReady', /^False WorkersMissing: .*OOMKilled, exit code 137/);
    await untilEvent('tight', /Warning +WorkersFailing .*OOMKilled/);
    await cluster.pipeline('tight', double);
    await expectUndisturbed(run, 'tight');
  }, 400_000);

  test('an image that the node does not have: told; once it is there, the run is done', async () => {
    await cluster.node.removeImage(cluster.image.name);
    const run = await begin('homeless');
    await untilCondition('homeless', 'WorkersReady', /^False WorkersMissing: .*ErrImageNeverPull/);
    await untilEvent('homeless', /Warning +WorkersFailing .*ErrImageNeverPull/);
    await cluster.node.importImage(cluster.image.archive);
    await expectUndisturbed(run, 'homeless');
  }, 400_000);

  test('Redis killed, and then gone with all it held: told; what is missing is planned again', async () => {
    const run = await begin('forgetful');
    await underWay();
    await cluster.kubectl(['delete', 'pod', 'jobpulse-redis-0', '--force', '--grace-period=0']);
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/jobpulse-redis-0', '--timeout=50s']);
    await cluster.kubectl(['scale', 'statefulset/jobpulse-redis', '--replicas=0']);
    await untilCondition('forgetful', 'ScalingActive', /^Unknown QueuesUnreadable: /);
    await until(
      async () => (await cluster.node.plane.kubectl(['-n', 'harbour', 'get', 'pod', 'jobpulse-redis-0'])).code === 1,
    );
    const data = cluster.node.folders.of(cluster.namespace, 'data-jobpulse-redis-0');
    expect(readdirSync(data)).not.toEqual([]);
    for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
    await cluster.kubectl(['scale', 'statefulset/jobpulse-redis', '--replicas=1']);
    await expectUndisturbed(run, 'forgetful');
  }, 400_000);

  test('a bucket that is away for a minute holds a run up, and no more', async () => {
    const run = await begin('stranded');
    await underWay();
    await bucket.kill();
    const away = sleep(60_000);
    await untilEvent('stranded', /Warning +LakeAway .*the server of the lake does not answer; steps wait for it/);
    const held = async () => (await cluster.get<PipelineRun>('jpr', run)).status?.conditions?.[0];
    await expect.poll(held, { timeout: 60_000 }).toMatchObject({ status: 'Unknown', reason: 'LakeAway' });
    await away;
    await bucket.restart();
    await expectUndisturbed(run, 'stranded');
  }, 400_000);

  test('a volume of the warehouse that is full: the run fails and says so; with more room it is done', async () => {
    const claim = 'warehouse-cramped-warehouse-0';
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } };
    const object = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: claim }, spec };
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(object));
    await cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Bound', `pvc/${claim}`, '--timeout=50s']);
    const folder = claimOf('cramped');
    const user = 'uid=65532,gid=65532';
    await cluster.node.run('mount', '-t', 'tmpfs', '-o', `size=1m,${user}`, 'tmpfs', folder);
    const failed = await begin('cramped');
    double.behave({ latencyMs: 0 });
    const { status } = await cluster.ended(failed);
    expect(status?.failures?.[0]).toMatchObject({ reason: 'DiskFull', message: expect.stringMatching(/make room/) });
    await untilCondition('cramped', 'Ready', /^False RunFailed: .*disk of the warehouse is full; make room/);
    await untilEvent('cramped', /Warning +RunFailed .*DiskFull/);

    await cluster.node.run('mount', '-o', 'remount,size=200m', folder);
    const { status: mended } = await cluster.ended(await cluster.run('cramped'));
    expect(mended?.phase, JSON.stringify(mended?.failures)).toBe('Succeeded');
    await until(async () => (await condition('cramped', 'Ready')).startsWith('True'));
    // Only the node sees what is mounted in it.
    const copy = `${folder}-copy`;
    await cluster.node.run('cp', '-r', folder, copy);
    expect(await table('cramped', copy)).toBe(undisturbed.table);
  }, 400_000);
});
