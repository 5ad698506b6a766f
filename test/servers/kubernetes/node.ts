import { copyFileSync, mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeArchive } from '../../../scripts/image/archive.ts';
import { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './controlPlane.ts';
import { type Folders, provideFolders } from './folders.ts';
import { serveNames } from './names.ts';
import { findNode, type NodeBinaries } from './nodeBinaries.ts';
import {
  containerdConfig,
  kubeletConfig,
  networkConfig,
  nodeName,
  pauseImage,
  proxyConfig,
  runtimeSocket,
} from './nodeConfig.ts';
import { controlGroupsOf, makeNamespaces, type Namespaces } from './nodeNamespaces.ts';
import { ownProcesses, type Processes } from './processes.ts';

/**
 * A real Kubernetes with one real node: containers in control groups, with volumes, probes, limits, Services and their
 * names. A claim gets a folder of this machine. NetworkPolicies are admitted without being enforced.
 */
export interface RealNode {
  readonly plane: ControlPlane;
  /** The address of this host for pods: a server that they are to reach listens here. */
  readonly hostAddress: string;
  /** The folders that are the volumes of claims. */
  readonly folders: Folders;
  /** kubectl as administrator; throws unless it succeeds, and gives what it printed. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Takes an image from a docker-archive. Pods use it under its name, with `imagePullPolicy: Never` or `IfNotPresent`. */
  importImage(archive: string): Promise<void>;
  /** Takes an image away; what runs from it goes on. */
  removeImage(name: string): Promise<void>;
  /** Runs a program of this machine as the node would, such as `mount`, and gives what it printed. */
  run(program: string, ...args: readonly string[]): Promise<string>;
  /** The end of the log of one of the node's programs. */
  log(program: 'containerd' | 'kubelet' | 'kube-proxy' | 'kube-scheduler'): Promise<string>;
  /** Ends everything, and removes all it has written. */
  stop(): Promise<void>;
}

/** Generous: a few seconds, unless the machine has much else to do. */
const readyWithinMs = 180_000;

/** The parts of a node that its functions share. */
interface Parts {
  readonly binaries: NodeBinaries;
  readonly folder: string;
  readonly processes: Processes;
  readonly namespaces: Namespaces;
  /** Ends what this process itself does for the node. */
  readonly ending: AbortController;
}

/** Starts a control plane and a node; settles when the node takes pods. What a killed test leaves behind ends by itself. */
export async function startRealNode(options: Omit<ControlPlaneOptions, 'address'> = {}): Promise<RealNode> {
  const binaries = findNode();
  if ('missing' in binaries) throw new Error(`no node can be made on this machine: it needs ${binaries.missing}`);
  const folder = await mkdtemp(join(tmpdir(), 'jobpulse-test-real-node-'));
  const processes = ownProcesses(folder, controlGroupsOf(folder));
  const ending = new AbortController();
  let plane: ControlPlane | undefined;
  try {
    const namespaces = await makeNamespaces(binaries, folder, processes);
    const parts = { binaries, folder, processes, namespaces, ending };
    const [started] = await Promise.all([
      startControlPlane({ ...options, address: namespaces.hostAddress }).then((each) => (plane = each)),
      startRuntime(parts),
    ]);
    const own = await started.connect();
    ending.signal.addEventListener('abort', () => void own.close());
    await serveNames(own, namespaces.hostAddress, parts.ending.signal);
    const folders = await provideFolders(own, join(folder, 'claims'), parts.ending.signal);
    await startNodePrograms(parts, started);
    await until(() => isReady(started), `${nodeName} to be ready`, logOf(folder, 'kubelet'));
    return realNode(parts, started, folders);
  } catch (error) {
    ending.abort();
    await plane?.stop();
    await processes.stop();
    throw error;
  }
}

function realNode(parts: Parts, plane: ControlPlane, folders: Folders): RealNode {
  const { folder, processes, namespaces, ending } = parts;
  return {
    plane,
    folders,
    hostAddress: namespaces.hostAddress,
    kubectl: (args, input) => kubectl(plane, args, input),
    importImage: (archive) => images(parts, 'import', archive),
    removeImage: (name) => images(parts, 'rm', name),
    run: namespaces.run,
    log: (program) => logOf(folder, program)(),
    stop: async () => {
      ending.abort();
      await plane.stop();
      await processes.stop();
    },
  };
}

/** The container runtime, with the image that every pod needs. */
async function startRuntime(parts: Parts): Promise<void> {
  const { binaries, folder } = parts;
  mkdirSync(join(folder, 'network'));
  await writeFile(join(folder, 'network', '10-pods.conflist'), JSON.stringify(networkConfig));
  await writeFile(join(folder, 'containerd.toml'), containerdConfig(folder));
  startInside(parts, 'containerd', [`--config=${join(folder, 'containerd.toml')}`]);
  const answers = () => parts.namespaces.run(binaries.ctr, '--address', runtimeSocket(folder), 'version');
  await until(answers, 'containerd to answer', logOf(folder, 'containerd'));
  const archive = join(folder, 'pause.tar');
  await makePauseImage(binaries, join(folder, 'pause'), archive);
  await images(parts, 'import', archive);
}

async function makePauseImage({ pause }: NodeBinaries, root: string, archive: string): Promise<void> {
  mkdirSync(root);
  copyFileSync(pause, join(root, 'pause'));
  const config = { User: '65535:65535', Env: [], Entrypoint: ['/pause'], Labels: {} };
  await writeArchive(root, pauseImage, config, archive);
  await rm(root, { recursive: true });
}

async function images({ folder, namespaces, binaries }: Parts, ...args: readonly string[]): Promise<void> {
  await namespaces.run(binaries.ctr, '--address', runtimeSocket(folder), '-n', 'k8s.io', 'images', ...args);
}

async function startNodePrograms(parts: Parts, plane: ControlPlane): Promise<void> {
  const { binaries, folder, processes, namespaces } = parts;
  const file = (name: string) => join(folder, name);
  const [kubelet, scheduler, proxy] = await Promise.all([
    plane.kubeconfigFor({ user: `system:node:${nodeName}`, groups: ['system:nodes'] }),
    plane.kubeconfigFor({ user: 'system:kube-scheduler' }),
    plane.kubeconfigFor({ user: 'system:kube-proxy' }),
    writeFile(file('ca.crt'), plane.authority),
    writeFile(file('resolv.conf'), ''),
    writeFile(file('kubelet.yaml'), JSON.stringify(kubeletConfig(folder, namespaces.hostAddress))),
  ]);
  await writeFile(file('kube-proxy.yaml'), JSON.stringify(proxyConfig(proxy)));
  processes.start({
    program: binaries['kube-scheduler'],
    args: [`--kubeconfig=${scheduler}`, '--leader-elect=false', '--secure-port=0'],
    output: file('kube-scheduler.log'),
  });
  startInside(parts, 'kubelet', [
    `--config=${file('kubelet.yaml')}`,
    `--kubeconfig=${kubelet}`,
    `--root-dir=${file('kubelet')}`,
    `--cert-dir=${file('kubelet-certificate')}`,
    `--hostname-override=${nodeName}`,
    `--node-ip=${namespaces.nodeAddress}`,
  ]);
  const proxies = ['--clusterrole=system:node-proxier', '--user=system:kube-proxy'];
  await kubectl(plane, ['create', 'clusterrolebinding', 'test:kube-proxy', ...proxies]);
  startInside(parts, 'kube-proxy', [`--config=${file('kube-proxy.yaml')}`]);
}

function startInside(parts: Parts, program: 'containerd' | 'kubelet' | 'kube-proxy', args: readonly string[]): void {
  const { binaries, folder, processes, namespaces } = parts;
  const [shell, ...words] = namespaces.enter;
  processes.start({
    program: shell,
    args: [...words, binaries[program], ...args],
    output: join(folder, `${program}.log`),
  });
}

async function isReady(plane: ControlPlane): Promise<void> {
  await kubectl(plane, ['wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=1s']);
  // Until this is gone, pods are not scheduled.
  const taints = await kubectl(plane, ['get', 'node', nodeName, '-o', 'jsonpath={.spec.taints}']);
  if (taints !== '') throw new Error(`${nodeName} has taints: ${taints}`);
}

async function kubectl(plane: ControlPlane, args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await plane.kubectl(args, input === undefined ? {} : { input });
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const logOf = (folder: string, program: string) => async (): Promise<string> => {
  const lines = (await readFile(join(folder, `${program}.log`), 'utf8')).trimEnd().split('\n');
  return lines.slice(-25).join('\n');
};

/** Asks until it succeeds; when that takes too long, tells the last answer and the end of a log. */
async function until(ask: () => Promise<unknown>, what: string, log: () => Promise<string>): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const failure = await ask().then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (failure === undefined) return;
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}: ${failure}\n${await log()}`);
    await sleep(100);
  }
}
