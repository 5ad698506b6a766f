import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { descendants, outliving } from '../e2e/processes.ts';
import { describeWithKubernetes } from './kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from './kubernetes/controlPlane.ts';

describeWithKubernetes('the control plane for tests', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ audit: true });
  }, 180_000);
  afterAll(() => plane?.stop());

  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await plane.kubectl(args);
    expect(code, stderr).toBe(0);
    return stdout;
  };

  test('a Deployment makes pods, and they go with it', async () => {
    await run('create', 'deployment', 'web', '--image=web', '--replicas=2');
    await run('wait', '--for=create', 'pod', '--selector=app=web', '--timeout=60s');
    await expect
      .poll(() => run('get', 'pods', '-o', 'name'), { timeout: 60_000 })
      .toMatch(/^pod\/web-.*\npod\/web-.*\n$/);
    await run('delete', 'deployment', 'web', '--cascade=foreground', '--timeout=60s');
    expect(await run('get', 'replicasets,pods', '-o', 'name')).toBe('');
  });

  test('kubectl reads its input and tells a refusal', async () => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'Not A Name' } });
    const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input });
    expect(code).toBe(1);
    expect(stderr).toContain('metadata.name: Invalid value: "Not A Name"');
    expect((await plane.kubectl(['get', 'pods', '--watch'], { timeoutMs: 500 })).code).toBe(124);
  });

  test('users and service accounts have the rights of their roles, and no others', async () => {
    await run('create', 'role', 'reader', '--verb=get,list', '--resource=configmaps');
    await run('create', 'rolebinding', 'ada', '--role=reader', '--user=ada');
    await run('create', 'rolebinding', 'group', '--role=reader', '--group=people');
    await run('create', 'serviceaccount', 'robot');
    const may = async (who: Parameters<ControlPlane['kubeconfigFor']>[0], verb: string) =>
      (await plane.kubectl(['auth', 'can-i', verb, 'configmaps'], { kubeconfig: await plane.kubeconfigFor(who) }))
        .stdout;
    const robot = { serviceAccount: 'robot', namespace: 'default' };
    expect(await may({ user: 'ada' }, 'list')).toBe('yes\n');
    expect(await may({ user: 'ada' }, 'delete')).toBe('no\n');
    expect(await may({ user: 'bob', groups: ['people'] }, 'list')).toBe('yes\n');
    expect(await may({ user: 'bob' }, 'list')).toBe('no\n');
    expect(await may(robot, 'list')).toBe('no\n');
    await run('create', 'rolebinding', 'robot', '--role=reader', '--serviceaccount=default:robot');
    await expect.poll(() => may(robot, 'list'), { timeout: 60_000 }).toBe('yes\n');
  });

  test('the audit log has each request since a mark once, with who asked and what was answered', async () => {
    const mark = await plane.auditMark();
    await run('create', 'configmap', 'seen', '--from-literal=a=b');
    await plane.kubectl(['get', 'configmap', 'missing']);
    const mine = (await plane.audit(mark)).filter(({ user }) => user === 'admin');
    expect(mine).toMatchObject([
      { verb: 'create', group: '', resource: 'configmaps', namespace: 'default', name: 'seen', code: 201 },
      { verb: 'get', group: '', resource: 'configmaps', namespace: 'default', name: 'missing', code: 404 },
    ]);
    expect((await plane.audit()).length).toBeGreaterThan(mine.length);
  });

  test.for(['SIGTERM', 'SIGKILL'] as const)('what is stored outlives an API server that gets %s', async (signal) => {
    await run('create', 'configmap', `kept-${signal.toLowerCase()}`);
    await plane.stopApiServer(signal);
    expect((await plane.kubectl(['get', 'configmaps'])).stderr).toContain('refused');
    await plane.startApiServer();
    expect(await run('get', 'configmap', `kept-${signal.toLowerCase()}`, '-o', 'name')).toContain('kept');
  });

  test('ends with the process that started it, when that is killed', async () => {
    const module = join(import.meta.dirname, 'kubernetes', 'controlPlane.ts');
    const script = `const { startControlPlane } = await import(${JSON.stringify(module)});
      console.log((await startControlPlane()).kubeconfig); setInterval(() => undefined, 1000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [kubeconfig] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
    const servers = await descendants(owner.pid ?? 0);
    expect(servers.filter(({ command }) => /etcd|kube-apiserver|kube-controller-manager/.test(command))).toHaveLength(
      3,
    );
    owner.kill('SIGKILL');
    expect(await outliving(servers, 30)).toEqual([]);
    await expect.poll(() => existsSync(dirname(kubeconfig)), { timeout: 60_000 }).toBe(false);
  });
});
