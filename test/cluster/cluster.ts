import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from '../servers/kubernetes/controlPlane.ts';
import { type HostNode, startHostNode } from '../servers/kubernetes/hostNode.ts';
import type { KubectlResult } from '../servers/kubernetes/kubectl.ts';
import { ownProcesses } from '../servers/kubernetes/processes.ts';
import { freePort, startTcpRedis } from '../servers/redis.ts';

export const root = join(import.meta.dirname, '..', '..');
export const namespace = 'default';
const redisPassword = 'made-up-password';

/** A controller process. */
export interface ControllerProcess {
  readonly identity: string;
  readonly pid: number;
  /** Where it serves metrics and probes. */
  readonly url: string;
  readonly logFile: string;
  readonly ended: Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** A real API server, a node that runs pods as processes of this host, a Redis, and controllers as they are started. */
export interface Cluster {
  readonly plane: ControlPlane;
  /** Absent when the cluster was started without; then pods stay pending. */
  readonly node: HostNode | undefined;
  readonly redis: Redis;
  readonly redisPort: number;
  /** Kills Redis and, after a while, starts it again, empty, where it was. */
  restartRedis(awayMs: number): Promise<void>;
  /** kubectl; throws unless it succeeds, and gives what it printed. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** The program, with a verb that takes `--kubeconfig`. */
  jobpulse(...args: readonly string[]): Promise<KubectlResult>;
  /** `kubectl get … -o json`. */
  get<Kind>(...args: readonly string[]): Promise<Kind>;
  startController(
    identity?: string,
    options?: {
      readonly as?: Parameters<ControlPlane['kubeconfigFor']>[0];
      readonly args?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      /** Further lines of the installation's file. */
      readonly installation?: string;
      /** The program and what comes before the verb. Default: the working copy. */
      readonly command?: readonly [string, ...string[]];
    },
  ): Promise<ControllerProcess>;
  stop(): Promise<void>;
}

const usualInstallation = (graceSeconds: number, lake: string): string => `
id: harbour
image: {name: registry.example/jobpulse:1}
redis: {secret: {name: jobpulse-redis}}
lake: ${lake}
pod: {graceSeconds: ${graceSeconds}}
`;

export interface ClusterOptions extends ControlPlaneOptions {
  readonly withNode?: boolean;
  /** How long steps may take when their worker is to end. Default: 60. */
  readonly graceSeconds?: number;
  /** `lake` of the installation. Default: a volume. */
  readonly lake?: string;
}

export async function startCluster({
  withNode = true,
  graceSeconds = 60,
  lake = '{filesystem: {claimName: jobpulse-lake}}',
  ...options
}: ClusterOptions = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-cluster-'));
  const processes = ownProcesses(folder);
  const redisArgs = ['--requirepass', redisPassword];
  const [plane, firstRedis] = await Promise.all([startControlPlane(options), startTcpRedis(redisArgs)]);
  let redisServer = firstRedis;
  const redisUrl = `redis://:${redisPassword}@127.0.0.1:${redisServer.port}`;
  const redis = new Redis(redisUrl);
  redis.on('error', () => undefined); // it comes back
  const node = withNode
    ? await startHostNode(plane, {
        command: (_, { args = [] }) => [join(root, 'bin', 'jobpulse'), ...args],
        freePorts: ['metrics', 'JOBPULSE_HEALTH_PORT'],
      })
    : undefined;
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await plane.kubectl(args, input === undefined ? {} : { input });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  await kubectl(['apply', '--server-side', '-f', join(root, 'crds')]);
  await until(async () => (await plane.kubectl(['get', 'pipelines,pipelineruns'])).code === 0);
  await kubectl(['create', 'secret', 'generic', 'jobpulse-redis', `--from-literal=url=${redisUrl}`]);

  return {
    ...{ plane, node, redis, redisPort: redisServer.port, kubectl },
    async restartRedis(awayMs) {
      await redisServer.stop();
      await sleep(awayMs);
      redisServer = await startTcpRedis(redisArgs, redisServer.port);
    },
    get: async <Kind>(...args: readonly string[]) => JSON.parse(await kubectl(['get', ...args, '-o', 'json'])) as Kind,
    jobpulse: (...args) => runJobpulse([...args, '--kubeconfig', plane.kubeconfig]),
    async startController(identity = 'controller-1', { as, args = [], env = {}, installation = '', command } = {}) {
      const port = await freePort();
      const config = join(folder, `${identity}-${port}.yaml`);
      writeFileSync(config, usualInstallation(graceSeconds, lake) + installation);
      const logFile = join(folder, `${identity}-${port}.log`);
      const kubeconfig = as ? await plane.kubeconfigFor(as) : plane.kubeconfig;
      const [program, ...first] = command ?? [join(root, 'bin', 'jobpulse')];
      const child = processes.start({
        program,
        args: [
          ...[...first, 'controller', '--config', config, '--kubeconfig', kubeconfig, '--namespace', namespace],
          ...['--identity', identity, '--port', String(port), '--allow-private-networks', ...args],
        ],
        env: { PATH: process.env.PATH, HOME: process.env.HOME, REDIS_URL: redisUrl, ...env },
        output: logFile,
      });
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      const url = `http://127.0.0.1:${port}`;
      await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200);
      return { identity, pid: child.pid ?? 0, url, logFile, ended, kill: (signal) => void child.kill(signal) };
    },
    async stop() {
      await processes.stop();
      await node?.stop();
      redis.disconnect();
      await Promise.all([plane.stop(), redisServer.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function runJobpulse(args: readonly string[]): Promise<KubectlResult> {
  const child = spawn(join(root, 'bin', 'jobpulse'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: (code as number | null) ?? 1, stdout, stderr };
}

/** Waits until it is so; fails when that takes too long. */
export async function until(so: () => Promise<boolean> | boolean, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await so())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain until ${so}`);
    await sleep(100);
  }
}
