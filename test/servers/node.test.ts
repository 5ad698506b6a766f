import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { descendants, outliving } from '../e2e/processes.ts';
import { type RealNode, startRealNode } from './kubernetes/node.ts';
import { controllers, describeWithNode } from './kubernetes/nodeBinaries.ts';
import { pauseImage } from './kubernetes/nodeConfig.ts';

/** A pod of the one image that is always there, whose program waits. */
const waiting = (name: string, image = pauseImage) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'main', image, imagePullPolicy: 'Never', resources: { limits: { memory: '32Mi' } } }],
  },
});

describeWithNode('the real node for tests', () => {
  let node: RealNode;
  beforeAll(async () => {
    node = await startRealNode();
  }, 240_000);
  afterAll(() => node?.stop());

  test('pods are scheduled, run in containers, get addresses, and end', async () => {
    await node.kubectl(['apply', '-f', '-'], JSON.stringify(waiting('web')));
    await node.kubectl(['wait', '--for=condition=Ready', 'pod/web', '--timeout=60s']);
    expect(await node.kubectl(['get', 'pod', 'web', '-o', 'jsonpath={.status.podIP}'])).toMatch(/^10\.244\.0\.\d+$/);
    await node.kubectl(['delete', 'pod', 'web', '--timeout=60s']);
    expect(await node.kubectl(['get', 'pods', '-o', 'name'])).toBe('');
  }, 120_000);

  test('a missing image is told, and nobody is asked for it', async () => {
    const pod = waiting('lost', 'made-up.example/lost:1');
    await node.kubectl(['apply', '-f', '-'], JSON.stringify(pod));
    const reason = ['get', 'pod', 'lost', '-o', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}'];
    await expect.poll(() => node.kubectl(reason), { timeout: 60_000 }).toBe('ErrImageNeverPull');
  }, 120_000);
});

describeWithNode('nothing of a node is left', () => {
  test('after the test process was killed', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'jobpulse-test-killed-'));
    const script = `
      const { startRealNode } = await import(${JSON.stringify(join(import.meta.dirname, 'kubernetes', 'node.ts'))});
      console.log((await startRealNode()).hostAddress);
      setInterval(() => {}, 1000);
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const [hostAddress] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
      const [name = ''] = readdirSync(temporary).filter((each) => each.startsWith('jobpulse-test-real-node-'));
      const started = await descendants(child.pid ?? 0);
      const found = traces(name, hostAddress);
      expect(started.length).toBeGreaterThan(5);
      expect(found.length).toBeGreaterThan(controllers().length);
      child.kill('SIGKILL');
      expect(await outliving(started, 30)).toEqual([]);
      await expect.poll(() => traces(name, hostAddress), { timeout: 30_000 }).toEqual([]);
      await expect.poll(() => readdirSync(temporary), { timeout: 30_000 }).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      rmSync(temporary, { recursive: true, force: true });
    }
  }, 300_000);
});

/** What a node has on this machine outside its namespaces: a network card, control groups, and no mounts. */
function traces(name: string, hostAddress: string): readonly string[] {
  const groups = controllers().flatMap((controller) =>
    execFileSync('find', [join('/sys/fs/cgroup', controller), '-path', `*${name}*`], { encoding: 'utf8' }).split('\n'),
  );
  const cards = Object.entries(networkInterfaces()).filter(([, all]) =>
    all?.some(({ address }) => address === hostAddress),
  );
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return [
    ...groups.filter((line) => line !== ''),
    ...cards.map(([card]) => card),
    ...mounts.filter((line) => line.includes(name)),
  ];
}
