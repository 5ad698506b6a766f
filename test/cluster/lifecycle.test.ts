import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Condition, Pipeline, PipelineRun } from '../../src/api/index.ts';
import { childName } from '../../src/controller/kubernetes/names.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, type ControllerProcess, startCluster, until } from './cluster.ts';
import { applyUsajobs, createRun, succeeded } from './overlay.ts';

describeWithKubernetes('a Pipeline that is broken, mended, deleted and made again', () => {
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

  const patch = (spec: object) =>
    cluster.plane.kubectl(['patch', 'jpl', 'usajobs', '--type=merge', '-p', JSON.stringify({ spec })]);
  const condition = async (type: string): Promise<Condition | undefined> =>
    (await cluster.get<Pipeline>('jpl/usajobs')).status?.conditions?.find((each) => each.type === type);
  const becomes = async (type: string, expected: Partial<Condition>) => {
    await until(async () => (await condition(type))?.reason === expected.reason, 40_000);
    expect(await condition(type)).toMatchObject(expected);
  };
  const events = () => cluster.kubectl(['get', 'events', '--field-selector=involvedObject.kind=Pipeline']);
  const isThere = async (what: string) => (await cluster.plane.kubectl(['get', what])).code === 0;
  test('a name that is taken: nothing of somebody else is touched, and it heals when that is gone', async () => {
    const theirs = ['create', 'deployment', childName('usajobs', 'clean'), '--image=registry.example/theirs'];
    await cluster.kubectl([...theirs, '--replicas=0']);
    await applyUsajobs(cluster, double).catch(() => undefined); // it does not get ready
    await becomes('WorkersReady', {
      ...{ status: 'False', reason: 'NameConflict' },
      message: expect.stringMatching(
        /Deployment usajobs-clean is there already .* kubectl delete deployment usajobs-clean -n default/,
      ),
    });
    await cluster.kubectl(['wait', '--for=condition=Ready=false', 'jpl/usajobs', '--timeout=10s']);
    expect(await events()).toMatch(/Warning +NameConflict/);
    await cluster.kubectl(['delete', 'deployment', 'usajobs-clean']);
    await cluster.kubectl(['wait', '--for=condition=Ready', 'jpl/usajobs', '--timeout=40s']);
  }, 90_000);

  test('a manifest that no version could mean is refused by the API server, with what to do', async () => {
    const [dataset] = (await cluster.get<Pipeline>('jpl/usajobs')).spec.datasets;
    const extract = { ...dataset?.extract, files: { paths: ['*.csv'] } };
    const both = await patch({ datasets: [{ ...dataset, extract }] });
    expect(both.code).not.toBe(0);
    expect(both.stderr).toMatch(/spec\.datasets\[0\]\.extract: .*one of/i);
  });

  test('a manifest that only the controller can judge: Valid says where and what to do, and the last one works on', async () => {
    expect(await patch({ schedule: 'every day' })).toMatchObject({ code: 0 });
    await becomes('Valid', {
      ...{ status: 'False', reason: 'SpecRefused' },
      message: expect.stringMatching(/spec\.schedule/),
    });
    expect(await cluster.kubectl(['get', 'jpl'])).toMatch(/usajobs +False +Invalid/);
    expect(await events()).toMatch(/Warning +SpecRefused/);
    expect(await isThere('deployment/usajobs-clean')).toBe(true);
    await patch({ schedule: '0 6 * * *' });
    await cluster.kubectl(['wait', '--for=condition=Ready', 'jpl/usajobs', '--timeout=20s']);
  }, 90_000);

  test('a Secret that is missing is named, and the run goes on when it is there', async () => {
    await cluster.kubectl(['delete', 'secret', 'usajobs']);
    const run = await createRun(cluster);
    await until(async () => /usajobs/.test((await condition('WorkersReady'))?.message ?? ''), 40_000);
    expect(await condition('WorkersReady')).toMatchObject({
      status: 'False',
      message: expect.stringMatching(/^extract: 1 pod: .*secret/i),
    });
    const values = { 'api-key': double.key, 'user-agent': double.agent };
    const literals = Object.entries(values).map(([key, value]) => `--from-literal=${key}=${value}`);
    await cluster.kubectl(['create', 'secret', 'generic', 'usajobs', ...literals]);
    await succeeded(cluster, run);
    expect((await cluster.get<PipelineRun>(run)).status?.datasets?.[0]).toMatchObject({ read: 742, added: 736 });
  }, 120_000);

  test('deleted, all of it goes; made again, no work is done again', async () => {
    const before = await succeeded(cluster, await createRun(cluster)).then(() => cluster.get<Pipeline>('jpl/usajobs'));
    await cluster.kubectl(['delete', 'jpl', 'usajobs', '--timeout=30s']);
    await until(async () => (await cluster.kubectl(['get', 'jpr,deploy,sts,networkpolicy,pods', '-o', 'name'])) === '');
    const asked = double.ledger().requests.length;

    await applyUsajobs(cluster, double);
    const again = await cluster.get<Pipeline>('jpl/usajobs');
    expect(again.metadata).not.toMatchObject({ uid: (before.metadata as { uid?: string }).uid });
    expect(await cluster.jobpulse('replay', 'usajobs', '--from', 'Clean', '--wait')).toMatchObject({ code: 0 });
    expect(double.ledger().requests).toHaveLength(asked);

    // A run by hand is a new look at the source, whose rows are all known.
    const run = await createRun(cluster);
    await succeeded(cluster, run);
    expect(double.ledger().requests).toHaveLength(asked + 2);
    const { status } = await cluster.get<PipelineRun>(run);
    expect(status?.datasets?.[0]).toMatchObject({ read: 742, added: 0, modified: 0, unchanged: 736, marked: 0 });
  }, 120_000);
});
