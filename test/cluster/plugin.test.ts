import { readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import { temporaryFolder } from '../e2e/harness.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, root, startCluster, until } from './cluster.ts';
import { applyUsajobs, createRun } from './overlay.ts';

describeWithKubernetes('kubectl jobpulse', () => {
  let cluster: Cluster;
  let double: UsajobsDouble;
  beforeAll(async () => {
    [cluster, double] = await Promise.all([startCluster(), startUsajobs()]);
    await cluster.startController();
    await applyUsajobs(cluster, double);
  }, 180_000);
  afterAll(async () => {
    await cluster?.stop();
    await double?.close();
  });

  /** kubectl, with the project's programs on its PATH. */
  const kubectl = (args: readonly string[], path = join(root, 'bin'), { KUBECONFIG: kubeconfig = '' } = {}) => {
    const env = { PATH: [path, process.env.PATH].join(delimiter) };
    return cluster.plane.kubectl(args, { env, ...(kubeconfig !== '' && { kubeconfig }) });
  };
  const told = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await kubectl(['jobpulse', ...args]);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  test('kubectl finds it, also by a link, and helps to type', async () => {
    const links = temporaryFolder();
    for (const name of ['kubectl-jobpulse', 'kubectl_complete-jobpulse']) {
      symlinkSync(join(root, 'bin', name), join(links, name));
    }
    const { stdout } = await kubectl(['jobpulse', '--help'], links);
    expect(stdout).toMatch(/^Usage: kubectl jobpulse \[options\] \[command\]/);
    expect(stdout).not.toMatch(/--data-dir|jobpulse up/);
    expect((await kubectl(['plugin', 'list'], links)).stdout).toContain(join(links, 'kubectl-jobpulse'));
    expect((await kubectl(['__complete', 'jobpulse', 'why', 'usa'], links)).stdout).toMatch(/^usajobs\n/);
    expect((await kubectl(['__complete', 'jobpulse', 'dr'], links)).stdout).toMatch(/^drain\n/);
  });

  test('it looks where kubectl looks: the namespace of the context, or the one that is named', async () => {
    expect(await told('status')).toMatch(/usajobs +True +Ready/);
    expect(await told('-n', 'default', 'status')).toMatch(/usajobs +True +Ready/);
    expect(await told('status', '-n', 'kube-system')).toBe(
      'no pipelines in namespace kube-system; apply one with: kubectl apply -f <manifest>\n',
    );
    const unknown = await kubectl(['jobpulse', 'why', 'usajob']);
    expect(unknown).toMatchObject({
      ...{ code: 2, stderr: expect.stringMatching(/^kubectl jobpulse: there is no pipeline usajob .*mean usajobs\?/) },
    });
  });

  test('drain: truthful counts while a step is under way, the end of patience, rest, and the run goes on', async () => {
    double.behave({ latencyMs: 8_000 });
    const run = await createRun(cluster);
    const name = run.replace('pipelinerun.jobpulse.dev/', '');
    const stateOf = async () => (await cluster.get<PipelineRun>(run)).status;
    await until(async () => (await stateOf())?.steps?.running === 1 && double.ledger().requests.length > 0);
    const impatient = await kubectl(['jobpulse', 'drain', 'usajobs', '--timeout', '1s']);
    expect(impatient).toMatchObject({ code: 1, stdout: expect.stringContaining(`  ${name}: `) });
    expect(impatient.stdout).toMatch(/^usajobs: the time is up, and /);
    const rested = await told('drain', 'usajobs');
    expect(rested).toContain('usajobs: nothing is under way; its schedule rests');
    expect(rested).toContain(`at rest: ${name}\n`);
    expect(rested).toContain('let it go on with: kubectl jobpulse resume usajobs --runs --namespace default');
    expect(await stateOf()).toMatchObject({ phase: 'Paused', steps: { running: 0 } });
    expect(await told('status')).toMatch(/Paused/);
    const asked = double.ledger().requests.length;
    double.behave({ latencyMs: 0 });
    expect(await told('resume', 'usajobs')).toContain(`its runs still rest: ${name}`);
    expect(await told('resume', 'usajobs', '--runs')).toContain(`${name}: resumed`);
    // Workers have gone meanwhile, and start again.
    await cluster.plane.kubectl(['wait', '--for=condition=Succeeded', run, '--timeout=170s'], { timeoutMs: 180_000 });
    expect((await stateOf())?.datasets?.[0]).toMatchObject({ read: 742, added: 736, rejected: 6 });
    expect(double.ledger().requests.length - asked).toBeLessThanOrEqual(2);
  }, 300_000);

  test('quarantine: counts out of the statuses; the rows themselves out of the lake, when it is named', async () => {
    const counts = await told('quarantine', 'ls', 'usajobs');
    expect(counts).toMatch(/^DATASET +REJECTED +READ +RUN +AS OF\npostings +6 +742 +usajobs-by-hand-/);
    expect(counts).toContain('a copy of the folder default/usajobs');
    const away = await kubectl(['jobpulse', 'quarantine', 'export', 'usajobs', 'postings', 'rejected.csv']);
    expect(away).toMatchObject({ code: 2, stderr: expect.stringContaining('--lake <folder | s3://bucket/prefix>') });
    const lake = cluster.node?.claim('jobpulse-lake') ?? '';
    expect(await told('quarantine', 'ls', 'usajobs', '--lake', lake)).toMatch(
      /^DATASET +REASON .*\npostings +required:/,
    );
    const out = join(temporaryFolder(), 'rejected.csv');
    expect(await told('quarantine', 'export', 'usajobs', 'postings', out, '--lake', lake)).toBe(`6 rows in ${out}\n`);
  });

  test('report: all that can be read, without a secret; what may not be read is said', async () => {
    await plantCanaries(cluster);
    const folder = temporaryFolder();
    const told = async (name: string, env = {}) => {
      const file = join(folder, `${name}.tar.gz`);
      const { code, stdout, stderr } = await kubectl(['jobpulse', 'report', '--file', file], undefined, env);
      expect(code, stderr).toBe(0);
      return { stdout, files: await unpacked(file) };
    };
    const { stdout, files } = await told('administrator');
    const names = [...files.keys()];
    expect(names).toEqual(
      expect.arrayContaining([
        ...['SUMMARY.txt', 'versions.yaml', 'kubernetes.yaml', 'kinds/pipelines.yaml', 'events.yaml'],
        ...['pipelines/usajobs.yaml', 'pipelines/leaky.yaml', 'runs/leaky-run.yaml', 'why/usajobs.txt'],
        ...['workers/deployments.yaml', 'workers/statefulsets.yaml', 'workers/networkpolicies.yaml'],
        ...['controller/pods.yaml', 'controller/configmaps.yaml', 'controller/leases.yaml'],
      ]),
    );
    expect(files.get('pipelines/leaky.yaml')).toContain('baseUrl: https://[redacted]@jobs.example');
    expect(files.get('events.yaml')).toContain('leaky note');
    expect(files.get('controller/configmaps.yaml')).toMatch(/board\.json: \d+ characters[\s\S]*id: harbour/);
    const log = files.get('workers/logs/talkative.main.log');
    expect(log).toContain('https://[redacted]@jobs.example/pipeline.yaml: there is no such file');
    // The pod whose node is away has no log: that is told, and nothing else is missing.
    const [, ...left] = stdout.trimEnd().split('\n  ');
    expect(left.map((line) => line.split(': ', 1)[0]).sort()).toEqual([
      ...['controller/logs/leaky.main.log', 'workers/logs/leaky.main.log'],
    ]);
    const all = [...files].map(([name, text]) => `${name}\n${text}`).join('\n');
    for (const secret of [canary, double.key, 'made-up-password']) expect(all.split(secret)).toHaveLength(1);

    const kubeconfig = await cluster.plane.kubeconfigFor({ user: 'ada' });
    await cluster.kubectl(['create', 'role', 'looks', '--verb=list', '--resource=pipelines,pipelineruns']);
    await cluster.kubectl(['create', 'rolebinding', 'looks', '--role=looks', '--user=ada']);
    const ada = await told('ada', { KUBECONFIG: kubeconfig });
    expect([...ada.files.keys()]).toEqual(expect.arrayContaining(['SUMMARY.txt', 'pipelines/usajobs.yaml']));
    expect(ada.stdout).toMatch(/ {2}events: .*"ada" cannot list resource "events"/);
  }, 120_000);

  test('top: every pool, with what the newest run read in a minute', async () => {
    await until(async () => /^usajobs +clean .*\/\d/m.test(await told('top')));
    expect(await told('top', 'usajobs')).toMatch(/^usajobs +clean +\d+ +\d+ +0 +\d\/\d +[\d.]+ +\d+ +[1-9]\d* +\w+/m);
    const lines = JSON.parse(await told('top', '-o', 'json')) as { pipeline: string; pool: string }[];
    expect(lines.map(({ pool }) => pool).sort()).toEqual(['clean', 'extract', 'warehouse']);
  });
});

const canary = 'xK9canary4711';

/** Secrets wherever somebody may have written one. */
async function plantCanaries(cluster: Cluster): Promise<void> {
  const { spec } = await cluster.get<Pipeline>('jpl/usajobs');
  const [dataset] = spec.datasets;
  const rest = {
    ...dataset?.extract.rest,
    baseUrl: `https://ana:${canary}@jobs.example`,
    headers: [{ name: 'Authorization', value: `Bearer ${canary}` }],
    query: { api_key: canary, Keyword: 'data' },
  };
  const apiVersion = 'jobpulse.dev/v1alpha1';
  const labels = { 'app.kubernetes.io/name': 'jobpulse', 'jobpulse.dev/pipeline': 'leaky' };
  const about = { apiVersion, kind: 'Pipeline', name: 'leaky', namespace: 'default' };
  const objects = [
    {
      ...{ apiVersion, kind: 'Pipeline', metadata: { name: 'leaky', annotations: { 'example.org/password': canary } } },
      spec: { ...spec, datasets: [{ ...dataset, extract: { ...dataset?.extract, rest } }] },
    },
    {
      ...{ apiVersion, kind: 'PipelineRun', metadata: { name: 'leaky-run' } },
      spec: { pipelineRef: { name: 'leaky' }, params: [{ name: 'token', value: canary }], state: 'Pause' },
    },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'leaky', labels }, stringData: { password: canary } },
    {
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'leaky', labels } },
      data: {
        'board.json': `{"note": "${canary}"}`,
        'broken.yaml': `id: [harbour, password: ${canary}`,
        'installation.yaml': `id: harbour\nredis: {url: "redis://:${canary}@redis"}\npod: {token: ${canary}}\n`,
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'leaky', labels } },
      spec: {
        nodeName: 'nowhere',
        containers: [{ name: 'main', image: 'registry.example/leaky', env: [{ name: 'HARMLESS', value: canary }] }],
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'talkative', labels } },
      spec: {
        restartPolicy: 'Never',
        containers: [
          {
            ...{ name: 'main', image: 'registry.example/leaky' },
            args: ['validate', `https://ana:${canary}@jobs.example/pipeline.yaml`],
          },
        ],
      },
    },
    {
      ...{ apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'leaky', namespace: 'default' } },
      ...{ eventTime: '2026-11-20T12:00:00.000000Z', type: 'Warning', reason: 'Leaky', action: 'Leak' },
      ...{ reportingController: 'test', reportingInstance: 'test', regarding: about },
      note: `leaky note: https://ana:${canary}@jobs.example says 401 to Authorization: Basic ${canary}`,
    },
  ];
  for (const object of objects) await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(object));
  await cluster.kubectl(['wait', '--for=jsonpath={.status.phase}=Failed', 'pod/talkative', '--timeout=60s']);
}

/** The files of an archive, by their names below its one folder. */
async function unpacked(file: string): Promise<ReadonlyMap<string, string>> {
  const entries = await unpackTar(gunzipSync(readFileSync(file)));
  return new Map(
    entries.map(({ header, data }) => [header.name.replace(/^[^/]+\//, ''), Buffer.from(data ?? []).toString('utf8')]),
  );
}
