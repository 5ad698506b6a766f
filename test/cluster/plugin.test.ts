import { symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PipelineRun } from '../../src/api/index.ts';
import { temporaryFolder } from '../e2e/harness.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, root, startCluster, until } from './cluster.ts';
import { applyUsajobs, createRun, succeeded } from './overlay.ts';

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
  const kubectl = (args: readonly string[], path = join(root, 'bin')) =>
    cluster.plane.kubectl(args, { env: { PATH: [path, process.env.PATH].join(delimiter) } });
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
    await succeeded(cluster, run);
    expect((await stateOf())?.datasets?.[0]).toMatchObject({ read: 742, added: 736, rejected: 6 });
    expect(double.ledger().requests.length - asked).toBeLessThanOrEqual(2);
  }, 120_000);

  test('top: every pool, with what the newest run read in a minute', async () => {
    await until(async () => /^usajobs +clean .*\/\d/m.test(await told('top')));
    expect(await told('top', 'usajobs')).toMatch(/^usajobs +clean +\d+ +\d+ +0 +\d\/\d +[\d.]+ +\d+ +[1-9]\d* +\w+/m);
    const lines = JSON.parse(await told('top', '-o', 'json')) as { pipeline: string; pool: string }[];
    expect(lines.map(({ pool }) => pool).sort()).toEqual(['clean', 'extract', 'warehouse']);
  });
});
