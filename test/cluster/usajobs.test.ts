import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineRun } from '../../src/api/index.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, type ControllerProcess, startCluster, until } from './cluster.ts';
import { applyUsajobs, createRun, succeeded } from './overlay.ts';

describeWithKubernetes('usajobs on a Kubernetes API, as a user of kubectl sees it', () => {
  let cluster: Cluster;
  let double: UsajobsDouble;
  let controller: ControllerProcess;
  beforeAll(async () => {
    [cluster, double] = await Promise.all([startCluster(), startUsajobs()]);
    controller = await cluster.startController();
  }, 120_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(readFileSync(controller.logFile, 'utf8'));
    await cluster?.stop();
    await double?.close();
  });

  /** The heads and the only row of a table that kubectl prints. */
  const table = async (...args: string[]): Promise<Record<string, string>> => {
    const [heads = '', row = ''] = (await cluster.kubectl(['get', ...args])).split('\n');
    const columns = [...heads.matchAll(/\S+(?: \S+)*/g)];
    return Object.fromEntries(
      columns.map(({ 0: head, index }, at) => [head, row.slice(index, columns[at + 1]?.index).trim()]),
    );
  };

  test('applied, it is ready within seconds', async () => {
    await applyUsajobs(cluster, double);
    expect(await table('jpl')).toEqual({
      ...{ NAME: 'usajobs', READY: 'True', PHASE: 'Ready', BACKLOG: '0', 'LAST RUN': '' },
      AGE: expect.stringMatching(/^\d+s$/),
    });
  });

  test('a run that is created completes, and is shown', async () => {
    const run = await createRun(cluster);
    await succeeded(cluster, run);
    const { status, metadata } = await cluster.get<PipelineRun>(run);
    expect(status?.datasets?.[0]).toMatchObject({ read: 742, added: 736, rejected: 6 });
    expect(double.ledger().requests).toHaveLength(2);
    expect(await table('jpr', '-o', 'wide')).toMatchObject({
      ...{ NAME: metadata.name, PIPELINE: 'usajobs', PHASE: 'Succeeded', FAILED: '0', CONSERVED: 'True' },
      MESSAGE: expect.stringMatching(/^finished in [\d.]+ s$/),
    });
    await until(async () => (await table('jpl', '-o', 'wide')).REJECTED === '6');
    expect(await table('jpl', '-o', 'wide')).toMatchObject({
      ...{ READY: 'True', SCHEDULE: '0 6 * * *', FRESH: 'True', CONSERVED: 'True' },
      ...{ 'LAST RUN': expect.stringMatching(/^\d+s$/), MESSAGE: 'Every other condition is as it should be.' },
    });
    expect(await cluster.kubectl(['get', 'jobpulse', '-o', 'name'])).toBe(`${run}\npipeline.jobpulse.dev/usajobs\n`);
  }, 90_000);

  test('describe tells what happened, and no trouble', async () => {
    await until(async () => /RunSucceeded/.test(await cluster.kubectl(['describe', 'jpl', 'usajobs'])));
    const [, events = ''] = (await cluster.kubectl(['describe', 'jpl', 'usajobs'])).split('Events:');
    expect(events).toMatch(/Normal +SpecAccepted .* generation 1 is valid/);
    expect(events).toMatch(/Normal +Scaled .* clean: from 0 to 1, FollowsLoad/);
    expect(events).toMatch(/Normal +RunStarted .* usajobs-by-hand-\w+: started by hand/);
    expect(events).toMatch(/Normal +RunSucceeded .* postings: read 742, rejected 6, added 736/);
    expect(events).not.toMatch(/Warning/);
    expect(await cluster.kubectl(['describe', 'jpr'])).toMatch(/RunSucceeded/);
  });

  test('explain says what a field is for', async () => {
    const extract = await cluster.kubectl(['explain', 'pipelines.spec.datasets.extract']);
    expect(extract).toMatch(/How to get bytes\. One of rest, files, stream, crawl\./);
    expect(extract).toMatch(/limits\t<Object>\n +How gently to treat the source\./);
    expect(await cluster.kubectl(['explain', 'jpr.spec.state'])).toMatch(/ENUM:\n +Run\n +Pause\n +Cancel\n/);
  });

  test('a run rests when it is paused, goes on when it is resumed, and ends when it is cancelled', async () => {
    double.behave({ latencyMs: 5_000 });
    const run = await createRun(cluster);
    const name = run.replace('pipelinerun.jobpulse.dev/', '');
    const isIn = async (phase: string) => (await cluster.get<PipelineRun>(run)).status?.phase === phase;
    const requests = () => double.ledger().requests.length;
    await until(() => requests() > 2);
    expect(await cluster.jobpulse('pause', '--run', name)).toMatchObject({ code: 0, stdout: `${name}: paused\n` });
    await until(() => isIn('Paused'));
    // What was under way is told of until it has ended.
    await until(async () => (await cluster.get<PipelineRun>(run)).status?.steps?.running === 0);
    const asked = requests();
    expect(await table('jpr', name)).toMatchObject({ PHASE: 'Paused' });
    await cluster.jobpulse('resume', '--run', name);
    await succeeded(cluster, run);
    expect(requests() - asked).toBeLessThanOrEqual(2);

    const other = await createRun(cluster);
    await until(() => requests() > 4);
    await cluster.kubectl(['patch', other, '--type=merge', '-p', '{"spec":{"state":"Cancel"}}']);
    await cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Cancelled', other, '--timeout=30s']);
    await cluster.kubectl(['wait', '--for=condition=Succeeded=false', other, '--timeout=5s']);
    double.behave({ latencyMs: 0 });
    // The step that was under way goes on asking until it has ended.
    await until(async () => (await cluster.get<PipelineRun>(other)).status?.steps?.running === 0);
  }, 90_000);

  test('the verbs of the command line work against it', async () => {
    const status = await cluster.jobpulse('status', 'usajobs');
    expect(status).toMatchObject({ code: 0, stdout: expect.stringMatching(/usajobs +True/) });
    const why = await cluster.jobpulse('why', 'usajobs');
    expect(why.stdout).toMatch(/usajobs: everything is as it should be/);
    expect(why.stdout).toMatch(/warehouse: \d workers? wanted/);
    await cluster.jobpulse('pause', 'usajobs');
    await until(async () => (await table('jpl', '-o', 'wide')).PHASE === 'Suspended');
    await cluster.jobpulse('resume', 'usajobs');
    await until(async () => (await table('jpl', '-o', 'wide'))['NEXT RUN'] !== '');

    const asked = double.ledger().requests.length;
    const replay = await cluster.jobpulse('replay', 'usajobs', '--from', 'Clean', '--wait');
    expect(replay).toMatchObject({ code: 0, stdout: expect.stringMatching(/Succeeded/) });
    const period = ['--from-time', '2026-03-01', '--to-time', '2026-04-01'];
    const backfill = await cluster.jobpulse('backfill', 'usajobs', ...period, '--wait');
    expect(backfill).toMatchObject({ code: 0, stdout: expect.stringMatching(/Succeeded/) });
    expect(double.ledger().requests).toHaveLength(asked);

    double.fail(100, { kind: 'Status', status: 401 });
    const failing = await createRun(cluster);
    await cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Failed', failing, '--timeout=30s']);
    await cluster.kubectl(['wait', '--for=condition=Ready=false', 'jpl/usajobs', '--timeout=10s']);
    double.reset();
    const redrive = await cluster.jobpulse('redrive', failing.replace('pipelinerun.jobpulse.dev/', ''), '--wait');
    expect(redrive).toMatchObject({ code: 0 });
  }, 90_000);

  test('kubectl scale: put right where the controller scales, left alone where it does not', async () => {
    const replicas = async (pool: string) =>
      (await cluster.get<{ spec: { replicas: number } }>(`deployment/usajobs-${pool}`)).spec.replicas;
    await cluster.kubectl(['scale', 'deployment/usajobs-clean', '--replicas=9']);
    await until(async () => (await replicas('clean')) <= 4);

    const external = { spec: { workers: { clean: { provider: 'External' } } } };
    await cluster.kubectl(['patch', 'jpl', 'usajobs', '--type=merge', '-p', JSON.stringify(external)]);
    await cluster.kubectl(['wait', '--for=jsonpath={.status.observedGeneration}=2', 'jpl/usajobs', '--timeout=10s']);
    await cluster.kubectl(['scale', 'deployment/usajobs-clean', '--replicas=2']);
    await succeeded(cluster, await createRun(cluster));
    expect(await replicas('clean')).toBe(2);
  }, 90_000);
});
