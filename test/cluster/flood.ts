import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { makeImage } from '../../scripts/image/image.ts';
import type { ControlPlaneOptions } from '../servers/kubernetes/controlPlane.ts';
import { type RealNode, startRealNode } from '../servers/kubernetes/node.ts';
import { startTcpRedis } from '../servers/redis.ts';
import { root, until } from './cluster.ts';
import { type HourlySource, startHourlySource } from './hourlySource.ts';
import { installationManifests } from './nodeInstallation.ts';

/** Where the Pipelines of a flood are. */
export const namespace = 'harbour';
const image = 'jobpulse.test/jobpulse:1';
const password = 'made-up-password';
/** The first hour of what the source has. */
const beginning = Date.parse('2025-01-01T00:00:00Z');
const hourMs = 3_600_000;

/** A pool of a Pipeline, as `spec.workers` has it. */
export interface FloodedPipeline {
  readonly name: string;
  readonly workers: Readonly<Record<string, object>>;
}

export interface FloodOptions {
  readonly pipelines: readonly FloodedPipeline[];
  /** How long the source takes to answer. */
  readonly delayMs: number;
  readonly controllerManagerArgs?: ControlPlaneOptions['controllerManagerArgs'];
}

/** A real node with the controller as a pod, and Pipelines at rest whose source has an answer for every hour. */
export interface Flood {
  readonly node: RealNode;
  readonly redis: Redis;
  readonly source: HourlySource;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** The program, as a person at this cluster uses it. */
  jobpulse(...args: readonly string[]): Promise<string>;
  /** Asks for so many hours at once, each of which is a step; gives the name of the run. */
  backfill(pipeline: string, hours: number): Promise<string>;
  stop(): Promise<void>;
}

export async function startFlood({ pipelines, delayMs, controllerManagerArgs = [] }: FloodOptions): Promise<Flood> {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-flood-'));
  const archive = join(folder, 'image.tar');
  const [node] = await Promise.all([startRealNode({ controllerManagerArgs }), makeImage(image, archive)]);
  const [redisServer, source] = await Promise.all([
    startTcpRedis(['--bind', '127.0.0.1', node.hostAddress, '--requirepass', password]),
    startHourlySource(node.hostAddress, delayMs),
    node.importImage(archive),
  ]);
  const redis = new Redis({ port: redisServer.port, password });
  const kubectl = (args: readonly string[], input?: string) => node.kubectl(['-n', namespace, ...args], input);
  const jobpulse = (...args: readonly string[]) =>
    run(join(root, 'bin', 'jobpulse'), [...args, '--kubeconfig', node.plane.kubeconfig, '--namespace', namespace]);
  const flood: Flood = {
    ...{ node, redis, source, kubectl, jobpulse },
    backfill: async (pipeline, hours) => {
      const at = (hour: number) => new Date(beginning + hour * hourMs).toISOString().replace('.000', '');
      const name = `${pipeline}-flood`;
      await jobpulse('backfill', pipeline, '--from-time', at(0), '--to-time', at(hours), '--name', name);
      return name;
    },
    async stop() {
      redis.disconnect();
      await Promise.all([node.stop(), redisServer.stop(), source.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  const url = `redis://:${password}@${node.hostAddress}:${redisServer.port}`;
  await install(flood, { pipelines, redis: { url, port: redisServer.port } }).catch(async (error: unknown) => {
    await flood.stop();
    throw error;
  });
  return flood;
}

async function install(
  { node, source, kubectl }: Flood,
  { pipelines, redis }: Pick<FloodOptions, 'pipelines'> & { redis: { url: string; port: number } },
): Promise<void> {
  const apply = async (items: readonly object[]) =>
    node.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  await node.kubectl(['apply', '--server-side', '-f', join(root, 'crds')]);
  const names = pipelines.map(({ name }) => name);
  await apply(installationManifests({ namespace, image, redis }));
  await kubectl(['rollout', 'status', 'deployment/jobpulse', '--timeout=180s']);
  await until(async () => (await node.plane.kubectl(['get', 'pipelines'])).code === 0);
  await apply(pipelines.map((pipeline) => manifest(pipeline, source.url)));
  for (const name of names) await kubectl(['wait', '--for=condition=Ready', `pipeline/${name}`, '--timeout=120s']);
}

/** For every hour a step that asks and one that cleans what it got; all of it is loaded at once. */
const manifest = ({ name, workers }: FloodedPipeline, url: string): object => ({
  apiVersion: 'jobpulse.dev/v1alpha1',
  kind: 'Pipeline',
  metadata: { name, namespace },
  spec: {
    workers,
    datasets: [
      {
        name: 'postings',
        key: ['id'],
        extract: {
          window: {
            start: new Date(beginning).toISOString().replace('.000', ''),
            every: '1h',
            maxSlicesPerRun: 10_000,
          },
          rest: { baseUrl: url, path: `/${name}`, query: { hour: '{{ slice.start }}' } },
        },
        format: { json: { records: '$.postings[*]' } },
        clean: {
          columns: [
            { name: 'id', type: 'integer', from: '$.id', required: true },
            { name: 'title', type: 'string', from: '$.title' },
          ],
        },
        load: { mode: 'Merge' },
      },
    ],
  },
});

async function run(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}
