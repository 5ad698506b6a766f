import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { makeRootFileSystem } from '../scripts/image/rootfs.ts';
import { prefixOf, queueName } from '../src/queue/names.ts';
import type { WorkerConfig } from '../src/workers/config.ts';
import { findKubernetes } from '../test/servers/kubernetes/binaries.ts';
import { startControlPlane } from '../test/servers/kubernetes/controlPlane.ts';
import { freePort, startTcpRedis } from '../test/servers/redis.ts';
import { type Comparison, compare, median } from './compare.ts';

const project = join(import.meta.dirname, '..');
const rounds = 5;
/** After this, a process that has nothing to do has done what it does at its start. */
const idleMs = 5_000;

/** A way to start the command line. */
type Start = (args: readonly string[], env: Readonly<Record<string, string>>) => ChildProcess;

/**
 * What is in the image against the working copy, each from exec to the first step of a worker that finds a job waiting,
 * and to a controller that is ready. Size of the image, and memory of both processes when they have nothing to do.
 */
export async function image(): Promise<Comparison[]> {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-bench-image-'));
  const redis = await startTcpRedis([]);
  try {
    const root = join(folder, 'root');
    mkdirSync(root);
    await makeRootFileSystem(project, root);
    console.log(
      `image: ${execFileSync('du', ['-sm', root], { encoding: 'utf8' }).split('\t')[0]} MB unpacked (aim: < 250)`,
    );
    const bundled = starter(join(root, 'usr/bin/node'), join(root, 'app/dist/jobpulse.js'));
    const source = starter(join(project, 'node_modules/.bin/node'), join(project, 'src/cli/main.ts'));
    const url = `redis://127.0.0.1:${redis.port}`;
    return [
      ...(await benchWorker(bundled, source, folder, url)),
      ...(await benchController(bundled, source, folder, url)),
    ];
  } finally {
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const starter =
  (node: string, program: string): Start =>
  (args, env) =>
    spawn(node, [program, ...args], {
      env: { HOME: tmpdir(), UV_THREADPOOL_SIZE: '16', LOG_LEVEL: 'error', ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });

async function benchWorker(bundled: Start, source: Start, folder: string, url: string): Promise<Comparison[]> {
  const redis = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue(queueName('bench', 'extract'), { connection: redis, prefix: prefixOf('bench') });
  const memory: number[] = [];
  const firstStep = (start: Start, idle: number[]) => async () => {
    const { id = '' } = await queue.add('step', {}, { attempts: 1, removeOnFail: false });
    const began = Date.now();
    const child = start(['worker'], { JOBPULSE_WORKER: JSON.stringify(workerConfig(folder, url)) });
    try {
      const taken = await until(async () => (await queue.getJob(id))?.processedOn);
      await sleep(idleMs);
      idle.push(megabytes(child));
      return (taken - began) / 1000;
    } finally {
      await end(child);
      await queue.obliterate({ force: true });
    }
  };
  const result = await compare(
    'worker: exec to its first step; ours is the image, theirs the working copy',
    'ours < 0.4 s',
    rounds,
    firstStep(bundled, memory),
    firstStep(source, []),
    (ours, theirs) => ours / theirs,
  );
  console.log(`worker of the image, idle: ${median(memory)} MB (aim: < 150)`);
  await queue.close();
  redis.disconnect();
  return [result];
}

const workerConfig = (folder: string, url: string): WorkerConfig => ({
  pool: 'extract',
  namespace: 'bench',
  pipelines: [{ name: 'bench', filesRoot: folder }],
  redis: { url },
  lake: join(folder, 'lake'),
  warehouse: join(folder, 'warehouse.duckdb'),
  scratch: join(folder, 'scratch'),
  allowPrivateNetworks: false,
  concurrency: 4,
});

async function benchController(bundled: Start, source: Start, folder: string, url: string): Promise<Comparison[]> {
  if (findKubernetes() === undefined) return [];
  const plane = await startControlPlane();
  const config = join(folder, 'installation.yaml');
  writeFileSync(config, installation);
  const memory: number[] = [];
  const ready = (start: Start, idle: number[]) => async () => {
    const port = await freePort();
    const began = performance.now();
    const args = ['controller', '--config', config, '--kubeconfig', plane.kubeconfig, '--port', String(port)];
    // As the launcher and the chart start it.
    const child = start(args, { REDIS_URL: url, MALLOC_ARENA_MAX: '2' });
    try {
      const answers = async () =>
        (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.ok || undefined;
      await until(answers);
      const seconds = (performance.now() - began) / 1000;
      await sleep(idleMs);
      idle.push(megabytes(child));
      return seconds;
    } finally {
      await end(child);
    }
  };
  try {
    await plane.kubectl(['apply', '--server-side', '-f', join(project, 'crds')]);
    const result = await compare(
      'controller: exec to ready; ours is the image, theirs the working copy',
      'ours < theirs',
      rounds,
      ready(bundled, memory),
      ready(source, []),
      (ours, theirs) => ours / theirs,
    );
    console.log(`controller of the image, idle: ${median(memory)} MB (aim: < 120)`);
    return [result];
  } finally {
    await plane.stop();
  }
}

const installation = `
id: bench
image: {name: registry.example/jobpulse:1}
redis: {secret: {name: jobpulse-redis}}
lake: {filesystem: {claimName: jobpulse-lake}}
`;

/** Resident memory of a process, with what it shares with others of the same program. */
function megabytes({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}

async function end(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  if (child.kill('SIGKILL')) await gone;
}

async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 6_000; attempt++) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(5);
  }
  throw new Error('waited 30 s in vain');
}
