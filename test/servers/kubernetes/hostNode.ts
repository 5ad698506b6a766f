import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, ApiError, type KubernetesObject } from './api.ts';
import type { ControlPlane } from './controlPlane.ts';
import { follow } from './follow.ts';
import { type CommandOf, commandOfManifest } from './launch.ts';
import { serveLogs } from './logServer.ts';
import { PodRunner } from './podRunner.ts';
import { type FileSource, hostAddress, type Pod } from './podSpec.ts';
import { ownProcesses } from './processes.ts';

export interface HostNodeOptions {
  /** The program and arguments that a container is run as; what its manifest says, when not given. */
  readonly command?: CommandOf;
  /** Variables that every container has beside its own; PATH is always there. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names of container ports, or of variables that hold a port, for which each pod gets a free port of the host. */
  readonly freePorts?: readonly string[];
  /** The pause before a container's second restart; it doubles with each further one. */
  readonly backoffMs?: number;
}

/** A pod of the node, as it is now. */
export interface HostPod {
  readonly name: string;
  readonly namespace: string;
  readonly pid: number | undefined;
  readonly ready: boolean;
  readonly restartCount: number;
}

/**
 * A node for a control plane: it takes every pod that no node has, and runs its first container as a process of this
 * host. Volumes are folders, and the paths they are mounted at are replaced in variables and arguments.
 * A service account's token comes as KUBECONFIG, because the files that programs look for it in are not there.
 * It answers `kubectl logs`. What it does not do: images, limits, networks, init and further containers, liveness and startup probes.
 */
export interface HostNode {
  readonly name: string;
  pods(): readonly HostPod[];
  /** The pid of a pod's process. */
  process(pod: string, namespace?: string): number;
  /** The port of the host that a named port of a pod is. */
  port(pod: string, name: string, namespace?: string): number;
  kill(pod: string, signal: NodeJS.Signals, namespace?: string): void;
  /** Kills a pod's process as the kernel does when memory is short: exit code 137, OOMKilled. */
  outOfMemory(pod: string, namespace?: string): void;
  /** What a pod's container wrote, over all its restarts. */
  logs(pod: string, namespace?: string): Promise<string>;
  /** The folder of a persistent volume claim; it stays until the node stops. */
  claim(name: string, namespace?: string): string;
  /** Ends all processes at once, as a power cut would, and removes the folders; the API is told nothing. */
  stop(): Promise<void>;
}

const nodeName = 'host';
const heartbeatMs = 10_000;
const namespaceOfLeases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';

export async function startHostNode(plane: ControlPlane, options: HostNodeOptions = {}): Promise<HostNode> {
  const api = await plane.connect({ user: 'host-node', groups: ['system:masters'] });
  const folder = await mkdtemp(join(tmpdir(), 'jobpulse-test-node-'));
  const processes = ownProcesses(folder);
  const ended = new AbortController();
  const runners = new Map<string, PodRunner>();
  const world = {
    api,
    processes,
    folder,
    command: options.command ?? commandOfManifest,
    kubeconfigFor: plane.kubeconfigFor,
    env: { PATH: process.env.PATH ?? '', ...options.env },
    freePorts: options.freePorts ?? [],
    backoffMs: options.backoffMs ?? 500,
  };
  const logs = await serveLogs(await plane.serverCertificate(), plane.authority, (namespace, pod) => {
    const all = [...runners.values()].filter(({ pod: { metadata } }) => metadata.name === pod);
    return all.findLast(({ pod: { metadata } }) => metadata.namespace === namespace)?.log;
  });
  await register(api, logs.port);

  const changed = (pod: Pod): void => {
    if (pod.spec.nodeName === undefined) return void bind(api, pod);
    if (pod.spec.nodeName !== nodeName) return;
    const known = runners.get(pod.metadata.uid);
    const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    // What ended before this node was there is not run again.
    if (known === undefined && isOver && pod.metadata.deletionTimestamp === undefined) return;
    const runner = known ?? new PodRunner(pod, world);
    runner.pod = pod;
    runners.set(pod.metadata.uid, runner);
    if (pod.metadata.deletionTimestamp !== undefined) void runner.remove(pod.metadata.deletionGracePeriodSeconds ?? 30);
  };
  const gone = ({ metadata: { uid } }: Pod): void => {
    void runners.get(uid)?.remove(0);
    runners.delete(uid);
  };
  const refresh = (kind: FileSource['kind']) => (object: KubernetesObject) => {
    const { name, namespace } = object.metadata;
    for (const runner of runners.values()) {
      if (runner.pod.metadata.namespace === namespace) void runner.refresh(kind, name);
    }
  };
  const files = (kind: FileSource['kind']) => ({ changed: refresh(kind), gone: () => undefined });
  const loops = [
    follow<Pod>(api, '/api/v1/pods', { changed, gone }, ended.signal),
    follow(api, '/api/v1/secrets', files('secrets'), ended.signal),
    follow(api, '/api/v1/configmaps', files('configmaps'), ended.signal),
    beat(api, ended.signal),
  ];

  const find = (name: string, namespace = 'default'): PodRunner => {
    const named = [...runners.values()].filter(
      ({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace,
    );
    const newest = named.at(-1);
    if (newest === undefined) throw new Error(`the node has no pod ${namespace}/${name}`);
    return newest;
  };
  return {
    name: nodeName,
    pods: () => [...runners.values()].map(describePod),
    process: (pod, namespace) => {
      const { pid } = find(pod, namespace);
      if (pid === undefined) throw new Error(`pod ${pod} has no process now`);
      return pid;
    },
    port: (pod, name, namespace) => {
      const port = find(pod, namespace).ports.get(name)?.outside;
      if (port === undefined) throw new Error(`pod ${pod} has no port ${name}, or it is not one of freePorts`);
      return Number(port);
    },
    kill: (pod, signal, namespace) => find(pod, namespace).kill(signal),
    outOfMemory: (pod, namespace) => find(pod, namespace).outOfMemory(),
    logs: (pod, namespace) => readFile(find(pod, namespace).log, 'utf8'),
    claim: (name, namespace = 'default') => join(folder, 'claims', namespace, name),
    stop: async () => {
      ended.abort();
      await Promise.all(loops);
      for (const runner of runners.values()) runner.abandon();
      logs.close();
      await processes.stop();
      await api.close();
    },
  };
}

function describePod({ pod, pid, life }: PodRunner): HostPod {
  const { name, namespace } = pod.metadata;
  return { name, namespace, pid, ready: life.ready, restartCount: life.restartCount };
}

/** Makes the Node and its Lease, with room for more pods than any test has. */
async function register(api: Api, logsPort: number): Promise<void> {
  const quantities = { cpu: '64', memory: '256Gi', pods: '1000', 'ephemeral-storage': '1Ti' };
  const now = new Date().toISOString();
  const condition = (type: string, status: string) => ({
    type,
    status,
    reason: 'HostNode',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  await unlessThere(api.post('/api/v1/nodes', { metadata: { name: nodeName } }));
  await api.patch(`/api/v1/nodes/${nodeName}/status`, {
    status: {
      capacity: quantities,
      allocatable: quantities,
      addresses: [{ type: 'InternalIP', address: hostAddress }],
      daemonEndpoints: { kubeletEndpoint: { Port: logsPort } },
      conditions: [
        condition('Ready', 'True'),
        condition('MemoryPressure', 'False'),
        condition('DiskPressure', 'False'),
        condition('PIDPressure', 'False'),
      ],
    },
  });
  const spec = { holderIdentity: nodeName, leaseDurationSeconds: 40, renewTime: microTime() };
  await unlessThere(api.post(namespaceOfLeases, { metadata: { name: nodeName }, spec }));
}

/** Renews the node's Lease, without which it would be taken for lost. */
async function beat(api: Api, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await api.patch(`${namespaceOfLeases}/${nodeName}`, { spec: { renewTime: microTime() } }).catch(() => undefined);
    await sleep(heartbeatMs, undefined, { signal }).catch(() => undefined);
  }
}

async function bind(api: Api, { metadata, spec }: Pod): Promise<void> {
  if (metadata.deletionTimestamp !== undefined || (spec.schedulingGates ?? []).length > 0) return;
  const binding = { metadata: { name: metadata.name, uid: metadata.uid }, target: { kind: 'Node', name: nodeName } };
  // Refused when it is bound already; not heard when the API server is away: then it comes again with the next list.
  await api
    .post(`/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}/binding`, binding)
    .catch(() => undefined);
}

async function unlessThere(creation: Promise<unknown>): Promise<void> {
  await creation.catch((error: unknown) => {
    if (!(error instanceof ApiError) || error.code !== 409) throw error;
  });
}

function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
