import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Condition, PipelineRun, PipelineStatus } from '../../src/api/index.ts';
import { deriveStatus } from '../../src/controller/status/derive.ts';
import { atRest, withPool } from '../controller/status/support.ts';
import { jobpulse, root } from '../e2e/harness.ts';
import { describeWithKubernetes } from '../servers/kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from '../servers/kubernetes/controlPlane.ts';
import { allEstablished } from '../servers/kubernetes/established.ts';

describeWithKubernetes('verbs in a cluster', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await kubectl('apply', '--server-side', '-f', join(root, 'crds'));
    await allEstablished(plane);
    await kubectl('create', 'namespace', 'jobs');
    await kubectl('apply', '-n', 'jobs', '-f', join(root, 'examples', 'usajobs', 'pipeline.yaml'));
  });
  afterAll(() => plane?.stop());

  const kubectl = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await plane.kubectl(args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const verb = (...args: string[]) => jobpulse([...args, '--kubeconfig', plane.kubeconfig, '--namespace', 'jobs']);
  const told = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await verb(...args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const run = async (name: string): Promise<PipelineRun> =>
    JSON.parse(await kubectl('get', 'jpr', name, '-n', 'jobs', '-o', 'json')) as PipelineRun;
  /** Writes what a controller would. */
  const setStatus = async (kind: string, name: string, status: object): Promise<void> => {
    const patch = JSON.stringify({ status });
    await kubectl('patch', kind, name, '-n', 'jobs', '--subresource=status', '--type=merge', '-p', patch);
  };

  test('status and why tell what the controller wrote; the API server takes every word of it', async () => {
    expect(await told('status')).toMatch(/^PIPELINE +READY .*\nusajobs +/);
    expect(await told('why', 'usajobs')).toContain('usajobs: no controller has looked at it yet');
    const status: PipelineStatus = deriveStatus(
      withPool(atRest(), 'clean', { replicas: 1, missing: 'ImagePullBackOff', provider: 'External' }),
    );
    await setStatus('jpl', 'usajobs', status);
    expect(JSON.parse(await kubectl('get', 'jpl', 'usajobs', '-n', 'jobs', '-o', 'jsonpath={.status}'))).toEqual(
      status,
    );
    expect(await told('status')).toMatch(/usajobs +False +Degraded +0 .*WorkersMissing: clean: ImagePullBackOff/);
    expect(await told('why', 'usajobs', 'clean')).toContain('clean: 1 worker wanted, 0 there');
    expect(await told('why', 'usajobs')).toContain('WorkersReady is False since 2026-11-20T12:10:00.000Z');
    const columns = await kubectl('get', 'jpl', '-n', 'jobs');
    expect(columns).toMatch(/usajobs +False +Degraded +0 /);
  });

  test('pause and resume: an annotation that applying the manifest leaves alone', async () => {
    await told('pause', 'usajobs');
    await kubectl('apply', '-n', 'jobs', '-f', join(root, 'examples', 'usajobs', 'pipeline.yaml'));
    expect(JSON.parse(await told('status', '-o', 'json'))).toMatchObject([{ pipeline: 'usajobs', state: 'Paused' }]);
    await told('resume', 'usajobs');
    expect(JSON.parse(await told('status', '-o', 'json'))).toMatchObject([{ state: 'Unattended' }]);
  });

  test('a backfill: one run per period, low and small beside others; paused, resumed, cancelled', async () => {
    const period = ['--from-time', '2026-03-01', '--to-time', '2026-04-01'];
    const name = 'usajobs-backfill-20260301t0600-20260401t0500';
    expect(await told('backfill', 'usajobs', ...period)).toContain(`${name}: begun\nwatch it with: jobpulse status`);
    expect(await told('backfill', 'usajobs', ...period)).toContain(`${name}: begun`);
    const created = await run(name);
    expect(created.metadata.labels).toEqual({
      'jobpulse.dev/pipeline': 'usajobs',
      'jobpulse.dev/trigger': 'Backfill',
    });
    expect(created.spec).toMatchObject({
      interval: { start: '2026-03-01T06:00:00Z', end: '2026-04-01T05:00:00Z' },
      ...{ priority: 'Low', maxSharePercent: 20, from: 'Extract', state: 'Run', ttl: '30d' },
    });
    const other = await verb('backfill', 'usajobs', ...period, '--refresh');
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('asks for something else; give --name') });
    for (const [action, state] of [
      ['pause', 'Pause'],
      ['resume', 'Run'],
    ] as const) {
      await told(action, '--run', name);
      expect((await run(name)).spec.state).toBe(state);
    }
    await told('cancel', name);
    expect((await run(name)).spec.state).toBe('Cancel');
  });

  test('replay and redrive; --wait gives the exit code of the run', async () => {
    const { run: replay } = JSON.parse(await told('replay', 'usajobs', '--from', 'Clean', '-o', 'json')) as {
      run: string;
    };
    expect((await run(replay)).spec).toMatchObject({ from: 'Clean' });
    expect(await verb('redrive', replay)).toMatchObject({ code: 2, stderr: expect.stringContaining('nothing failed') });
    const failures = [{ dataset: 'postings', stage: 'Load', key: 'k', reason: 'DiskFull', message: 'full' }];
    await setStatus('jpr', replay, { phase: 'Failed', failures, steps: { failed: 1 } });
    const waiting = verb('redrive', replay, '--wait');
    const redrive = `${replay}-redrive`;
    await expect
      .poll(async () => (await plane.kubectl(['get', 'jpr', redrive, '-n', 'jobs'])).code, { timeout: 20_000 })
      .toBe(0);
    expect((await run(redrive)).spec).toMatchObject({ from: 'Load', datasets: ['postings'] });
    const end: Condition = {
      type: 'Succeeded',
      status: 'False',
      reason: 'StepsFailed',
      message: '1 step failed',
      lastTransitionTime: '2026-11-20T12:00:00Z',
    };
    await setStatus('jpr', redrive, { phase: 'Failed', failures, conditions: [end] });
    const ended = await waiting;
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('usajobs/postings: load: DiskFull: full') });
    expect(ended.stderr).toContain(`${redrive}: postings, from Load on, because 1 step failed in ${replay}`);
  });

  test('errors say what to do: an unknown name, a user without rights, no kinds, no cluster', async () => {
    const unknown = await verb('why', 'usajob');
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('(did you mean usajobs?)') });
    const kubeconfig = await plane.kubeconfigFor({ user: 'ada' });
    const forbidden = await jobpulse(['status', '--kubeconfig', kubeconfig, '-n', 'jobs']);
    expect(forbidden.code).toBe(4);
    expect(forbidden.stderr).toMatch(/cannot list pipelines in namespace jobs: .*"ada" cannot list .*; ask for a Role/);
    const text = readFileSync(plane.kubeconfig, 'utf8').replaceAll(plane.url, 'https://127.0.0.1:1');
    const nowhere = join(plane.kubeconfig, '..', 'nowhere.kubeconfig');
    writeFileSync(nowhere, text, { mode: 0o600 });
    const away = await jobpulse(['status', '--kubeconfig', nowhere, '-n', 'jobs']);
    expect(away).toMatchObject({ code: 4, stderr: expect.stringContaining('check --kubeconfig and --context') });
    const none = await jobpulse(['status', '--context', 'prod'], { KUBECONFIG: plane.kubeconfig });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('prod') });
  });
});
