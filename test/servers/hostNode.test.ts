import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { descendants, outliving } from '../e2e/processes.ts';
import { describeWithKubernetes, findKubernetes } from './kubernetes/binaries.ts';
import { type ControlPlane, startControlPlane } from './kubernetes/controlPlane.ts';
import { type HostNode, startHostNode } from './kubernetes/hostNode.ts';
import { expand, replacePaths, replacePorts } from './kubernetes/podSpec.ts';

/** A server that is ready when it listens, says goodbye, and tells what it was given. */
const server = `
  const { createServer } = require('node:http');
  const { readFileSync, statSync } = require('node:fs');
  createServer((request, answer) => {
    if (request.url === '/secret') answer.end(readFileSync(process.env.SECRET_FILE));
    else if (request.url === '/mode') answer.end((statSync(process.env.SECRET_FILE).mode & 0o777).toString(8));
    else answer.end(JSON.stringify(process.env));
  }).listen(Number(process.env.PORT), '127.0.0.1');
  process.on('SIGTERM', () => { console.log('goodbye'); process.exit(0); });
`;

describeWithKubernetes('the host as a node', () => {
  let plane: ControlPlane;
  let node: HostNode;
  beforeAll(async () => {
    plane = await startControlPlane();
    node = await startHostNode(plane, { freePorts: ['http'], backoffMs: 50 });
  }, 180_000);
  afterEach(() => run('delete', 'deployments,pods', '--all', '--force', '--grace-period=0'));
  afterAll(async () => {
    await node?.stop();
    await plane?.stop();
  });

  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await plane.kubectl(args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const apply = async (...objects: object[]) => {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const { code, stderr } = await plane.kubectl(['apply', '--server-side', '-f', '-'], { input });
    expect(code, stderr).toBe(0);
  };
  const get = async (name: string) => JSON.parse(await run('get', 'pod', name, '-o', 'json'));
  const containerOf = async (name: string) => (await get(name)).status.containerStatuses?.[0];
  const fetchText = async (pod: string, path: string) =>
    (await fetch(`http://127.0.0.1:${node.port(pod, 'http')}${path}`)).text();

  const web = (extra: object = {}) => ({
    name: 'web',
    image: 'web:1',
    command: [process.execPath, '-e', server],
    ports: [{ name: 'http', containerPort: 8080 }],
    env: [{ name: 'PORT', value: '8080' }],
    readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
    ...extra,
  });
  const pod = (name: string, container: object, spec: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [container], ...spec },
  });
  const script = (source: string) => ({ name: 'main', image: 'x', command: [process.execPath, '-e', source] });
  const deployment = (replicas: number, container: object) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [container] } },
    },
  });

  test('it is Ready, and a Deployment becomes Available, rolls on and goes to zero', async () => {
    await run('wait', '--for=condition=Ready', 'node/host', '--timeout=60s');
    await apply(deployment(2, web()));
    await run('wait', '--for=condition=Available', 'deployment/web', '--timeout=60s');
    const first = node.pods().map(({ pid }) => pid);
    expect(new Set(first).size).toBe(2);

    await apply(
      deployment(
        2,
        web({
          image: 'web:2',
          env: [
            { name: 'PORT', value: '8080' },
            { name: 'V', value: '2' },
          ],
        }),
      ),
    );
    await run('rollout', 'status', 'deployment/web', '--timeout=60s');
    await expect.poll(() => node.pods().length, { timeout: 60_000 }).toBe(2);
    for (const { name, pid } of node.pods()) {
      expect(first).not.toContain(pid);
      expect(JSON.parse(await fetchText(name, '/')).V).toBe('2');
    }

    await run('scale', 'deployment/web', '--replicas=0');
    await expect.poll(() => node.pods(), { timeout: 60_000 }).toEqual([]);
    expect(await run('get', 'pods', '-o', 'name')).toBe('');
  });

  test('a killed process is started again, and how it ended is told', async () => {
    await apply(pod('p', web()));
    await run('wait', '--for=condition=Ready', 'pod/p', '--timeout=60s');
    const before = node.process('p');
    node.kill('p', 'SIGKILL');
    await expect.poll(() => containerOf('p'), { timeout: 60_000 }).toMatchObject({ restartCount: 1, ready: true });
    expect((await containerOf('p')).lastState.terminated).toMatchObject({ exitCode: 137, signal: 9, reason: 'Error' });
    expect(node.process('p')).not.toBe(before);

    node.outOfMemory('p');
    await expect.poll(() => containerOf('p'), { timeout: 60_000 }).toMatchObject({ restartCount: 2, ready: true });
    expect((await containerOf('p')).lastState.terminated).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  test.for([
    ['Never', 0, 'Succeeded', 'Completed'],
    ['Never', 3, 'Failed', 'Error'],
    ['OnFailure', 0, 'Succeeded', 'Completed'],
  ] as const)('with restartPolicy %s exit code %i makes it %s', async ([restartPolicy, code, phase, reason]) => {
    await apply(pod('once', script(`process.exit(${code})`), { restartPolicy }));
    await run('wait', `--for=jsonpath={.status.phase}=${phase}`, 'pod/once', '--timeout=60s');
    expect((await containerOf('once')).state.terminated).toMatchObject({ exitCode: code, reason });
  });

  test('one that ends again and again backs off; one that cannot be started says so', async () => {
    await apply(
      pod('crash', script('process.exit(1)')),
      pod('wrong', { name: 'm', image: 'x', command: ['/no/program'] }),
    );
    await expect.poll(async () => (await containerOf('crash')).restartCount, { timeout: 60_000 }).toBeGreaterThan(3);
    expect((await get('crash')).status.phase).toBe('Running');
    await expect
      .poll(async () => (await containerOf('wrong'))?.lastState.terminated?.reason, { timeout: 60_000 })
      .toBe('StartError');
    await apply(pod('bare', { name: 'm', image: 'x' }));
    await expect
      .poll(async () => (await containerOf('bare'))?.state.waiting?.reason, { timeout: 60_000 })
      .toBe('CreateContainerError');
  });

  test('a probe decides when it is ready, and when it is no longer', async () => {
    const readinessProbe = { exec: { command: ['test', '-e', '/state/ready'] }, periodSeconds: 1, failureThreshold: 1 };
    const keep = { ...script('setInterval(() => undefined, 1000)'), readinessProbe };
    const container = { ...keep, volumeMounts: [{ name: 'state', mountPath: '/state' }] };
    await apply(
      pod('probed', container, { volumes: [{ name: 'state', persistentVolumeClaim: { claimName: 'state' } }] }),
    );
    await run('wait', '--for=jsonpath={.status.phase}=Running', 'pod/probed', '--timeout=60s');
    expect((await containerOf('probed')).ready).toBe(false);
    writeFileSync(join(node.claim('state'), 'ready'), '');
    await run('wait', '--for=condition=Ready', 'pod/probed', '--timeout=60s');
    rmSync(join(node.claim('state'), 'ready'));
    await run('wait', '--for=condition=Ready=false', 'pod/probed', '--timeout=60s');
  });

  test('a container has its variables, and its Secret as a file that follows changes', async () => {
    const secret = (key: string) => ({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 's' },
      stringData: { key },
    });
    const from = (fieldPath: string) => ({ fieldRef: { fieldPath } });
    const env = [
      { name: 'PORT', value: '8080' },
      { name: 'ADDRESS', value: '0.0.0.0:$(PORT)' },
      { name: 'SECRET_FILE', value: '/secrets/s/key' },
      { name: 'NAME', valueFrom: from('metadata.name') },
      { name: 'SPACE', valueFrom: from('metadata.namespace') },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 's', key: 'key' } } },
    ];
    const sources = [
      { secret: { name: 's', items: [{ key: 'key', path: 's/key' }] } },
      { secret: { name: 'not-there', optional: true } },
    ];
    const volumes = [{ name: 'secrets', projected: { sources } }];
    await apply(pod('v', web({ env, volumeMounts: [{ name: 'secrets', mountPath: '/secrets' }] }), { volumes }));
    await expect
      .poll(async () => (await containerOf('v'))?.state.waiting?.message, { timeout: 60_000 })
      .toBe('secrets "s" not found');
    await apply(secret('first'));
    await run('wait', '--for=condition=Ready', 'pod/v', '--timeout=60s');

    const variables = JSON.parse(await fetchText('v', '/'));
    const port = String(node.port('v', 'http'));
    expect(variables).toMatchObject({
      NAME: 'v',
      SPACE: 'default',
      KEY: 'first',
      PORT: port,
      ADDRESS: `0.0.0.0:${port}`,
    });
    expect(Object.keys(variables).sort()).toEqual(
      [...env.map(({ name }) => name), 'HOME', 'KUBECONFIG', 'PATH'].sort(),
    );
    expect(await fetchText('v', '/secret')).toBe('first');
    expect(await fetchText('v', '/mode')).toBe('400');
    await apply(secret('second'));
    await expect.poll(() => fetchText('v', '/secret'), { timeout: 60_000 }).toBe('second');
  });

  test('a pod speaks to the API as its service account, and not at all when it has no token', async () => {
    await run('create', 'serviceaccount', 'robot');
    const whoami = {
      name: 'm',
      image: 'x',
      command: [findKubernetes()?.kubectl ?? '', 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'],
    };
    const spec = { restartPolicy: 'Never', serviceAccountName: 'robot' };
    await apply(pod('named', whoami, spec), pod('mute', whoami, { ...spec, automountServiceAccountToken: false }));
    await run('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/named', '--timeout=60s');
    expect(await node.logs('named')).toContain('system:serviceaccount:default:robot');
    await run('wait', '--for=jsonpath={.status.phase}=Failed', 'pod/mute', '--timeout=60s');
  });

  test('a claim keeps what is written, an emptyDir goes with its pod', async () => {
    const container = {
      name: 'main',
      image: 'x',
      command: [
        process.execPath,
        '-e',
        `const fs = require('node:fs');
        for (const folder of process.argv.slice(1)) {
          fs.appendFileSync(folder + '/x', 'x');
          console.log(fs.readFileSync(folder + '/x', 'utf8'));
        }`,
      ],
      args: ['/kept', '/own'],
      volumeMounts: [
        { name: 'kept', mountPath: '/kept' },
        { name: 'own', mountPath: '/own' },
      ],
    };
    const volumes = [
      { name: 'kept', persistentVolumeClaim: { claimName: 'kept' } },
      { name: 'own', emptyDir: {} },
    ];
    for (const written of ['x\nx\n', 'xx\nx\n']) {
      await apply(pod('writer', container, { volumes, restartPolicy: 'Never' }));
      await run('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/writer', '--timeout=60s');
      expect(await node.logs('writer')).toBe(written);
      await run('delete', 'pod', 'writer', '--timeout=60s');
    }
    expect(readFileSync(join(node.claim('kept'), 'x'), 'utf8')).toBe('xx');
  });

  test('a deleted pod gets SIGTERM, and SIGKILL when its grace is over', async () => {
    await apply(
      pod('polite', web()),
      pod('deaf', script(`process.on('SIGTERM', () => undefined); setInterval(() => {}, 99); console.log('deaf')`)),
    );
    await run('wait', '--for=condition=Ready', 'pod/polite', 'pod/deaf', '--timeout=60s');
    await expect.poll(() => node.pods().map(({ ready }) => ready), { timeout: 60_000 }).toEqual([true, true]);
    const processes = (await descendants(process.pid)).filter(({ pid }) =>
      node.pods().some((each) => each.pid === pid),
    );
    expect(processes).toHaveLength(2);
    // Its handler is set when the script has run, not when the process is there.
    await expect.poll(() => node.logs('deaf'), { timeout: 60_000 }).toBe('deaf\n');
    const started = performance.now();
    await run('delete', 'pod', 'polite', '--timeout=60s');
    expect(performance.now() - started).toBeLessThan(25_000);
    await run('delete', 'pod', 'deaf', '--grace-period=2', '--timeout=60s');
    expect(performance.now() - started).toBeGreaterThan(2_000);
    expect(await outliving(processes, 1)).toEqual([]);
  });

  test('pods live on while the API server is away, and what happened is told when it is back', async () => {
    await apply(pod('p', web()));
    await run('wait', '--for=condition=Ready', 'pod/p', '--timeout=60s');
    await plane.stopApiServer('SIGKILL');
    node.kill('p', 'SIGTERM');
    await expect.poll(() => node.pods()[0]?.restartCount, { timeout: 60_000 }).toBe(1);
    await plane.startApiServer();
    await expect
      .poll(() => containerOf('p'), { timeout: 60_000 })
      .toMatchObject({
        restartCount: 1,
        ready: true,
        lastState: { terminated: { exitCode: 0, reason: 'Completed' } },
      });
    expect(await node.logs('p')).toBe('goodbye\n');
  });

  test('nothing is left of a node whose test process is killed', async () => {
    const folder = join(import.meta.dirname, 'kubernetes');
    const script = `
      const { startControlPlane } = await import('${folder}/controlPlane.ts');
      const { startHostNode } = await import('${folder}/hostNode.ts');
      const plane = await startControlPlane();
      const node = await startHostNode(plane, { command: () => ['sh', '-c', 'trap "" TERM; sleep 1000; :'] });
      await plane.kubectl(['run', 'p', '--image=x']);
      while (node.pods()[0]?.pid === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
      console.log('there');`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(owner.stdout, 'data');
    await expect
      .poll(async () => (await descendants(owner.pid ?? 0)).map(({ command }) => command), { timeout: 60_000 })
      .toContain('sleep 1000');
    const processes = await descendants(owner.pid ?? 0);
    owner.kill('SIGKILL');
    expect(await outliving(processes, 10)).toEqual([]);
  });

  test('nothing is left of a node that stops', async () => {
    const other = await startControlPlane();
    try {
      const second = await startHostNode(other);
      const input = JSON.stringify(pod('p', script('setInterval(() => {}, 99)')));
      await other.kubectl(['apply', '-f', '-'], { input });
      await expect.poll(() => second.pods()[0]?.pid, { timeout: 60_000 }).toBeGreaterThan(0);
      const pid = second.process('p');
      const folder = join(second.claim('any'), '..', '..', '..');
      expect(existsSync(folder)).toBe(true);
      const mine = (await descendants(process.pid)).filter((each) => each.pid === pid);
      expect(mine).toHaveLength(1);
      await second.stop();
      expect(await outliving(mine, 1)).toEqual([]);
      expect(existsSync(folder)).toBe(false);
    } finally {
      await other.stop();
    }
  });
});

describe('what a container is given', () => {
  test('paths of mounts become folders of the host, whole names only, the longest first', () => {
    const paths = [
      { inside: '/data', outside: '/tmp/a' },
      { inside: '/data/lake', outside: '/tmp/b' },
    ];
    expect(replacePaths('/data/lake/x:/data/y', paths)).toBe('/tmp/b/x:/tmp/a/y');
    expect(replacePaths('--dir=/data file:///data/lake', paths)).toBe('--dir=/tmp/a file:///tmp/b');
    expect(replacePaths('/database /srv/data /data2 s3://bucket/data', paths)).toBe(
      '/database /srv/data /data2 s3://bucket/data',
    );
  });

  test('ports are replaced where they are a port', () => {
    const ports = [{ inside: '8080', outside: '40001' }];
    expect(['8080', '0.0.0.0:8080', '--port=8080'].map((text) => replacePorts(text, ports))).toEqual([
      '40001',
      '0.0.0.0:40001',
      '--port=40001',
    ]);
    expect(['18080', '8080ms', ':80801'].map((text) => replacePorts(text, ports))).toEqual([
      '18080',
      '8080ms',
      ':80801',
    ]);
  });

  test('variables are put in as Kubernetes does', () => {
    expect(expand('$(A)-$(B)-$$(A)', { A: '1' })).toBe('1-$(B)-$(A)');
  });
});
