import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { quickly } from '../goBuild.ts';
import { binariesFolder, findKubernetes, kubernetesVersion, type Program } from './binaries.ts';
import type { NodeProgram } from './nodeBinaries.ts';
import { signalGroup } from './processes.ts';

const tools = join(import.meta.dirname, 'tools');
const controlPlane: Readonly<Record<Program, string>> = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
  kubectl: 'k8s.io/kubernetes/cmd/kubectl',
};
const node: Readonly<Record<NodeProgram, string>> = {
  kubelet: 'k8s.io/kubernetes/cmd/kubelet',
  'kube-proxy': 'k8s.io/kubernetes/cmd/kube-proxy',
  'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
  pause: './pause',
};
/** The module of etcd's program is named after its version; Go names the file after the folder above. */
const names: Readonly<Record<string, string>> = { server: 'etcd' };
const memoryFolder = '/dev/shm';
/** What a build writes at most, and what it and its linker want beside it. */
const scratchBytes = 5 * 2 ** 30;
const workingBytes = 4 * 2 ** 30;
const abandonedAfterMs = 2 * 3600 * 1000;

/** A build that could not be made, in words for who asked for it. */
export class BuildError extends Error {}

/** Builds the programs of a control plane, and the client. */
export const buildKubernetes = (): Promise<void> => build(Object.values(controlPlane));

/**
 * Builds what a node needs beside them: fewer tests ask for it, and the others need not wait. A control plane that is
 * missing is built with it: they share many packages, which are compiled once.
 */
export const buildNode = (): Promise<void> =>
  build([...(findKubernetes() === undefined ? Object.values(controlPlane) : []), ...Object.values(node)]);

/**
 * Builds programs from source into the cache, from the modules that `tools/go.sum` pins.
 * Each program gets its name when it is whole, so that a build may be killed, and two may run at once.
 */
async function build(packages: readonly string[]): Promise<void> {
  checkGo();
  const target = binariesFolder();
  mkdirSync(target, { recursive: true });
  const output = temporaryFolder(dirname(target), 'building-kubernetes-');
  const scratch = temporaryFolder(roomInMemory() ? memoryFolder : dirname(target), 'jobpulse-go-build-');
  let interruptedBy: NodeJS.Signals | undefined;
  try {
    interruptedBy = await goBuild(packages, output, scratch);
    if (interruptedBy === undefined) {
      for (const file of readdirSync(output)) renameSync(join(output, file), join(target, names[file] ?? file));
    }
  } finally {
    for (const folder of [output, scratch]) rmSync(folder, { recursive: true, force: true });
  }
  // Nothing is left: now we end as who asked us to expects.
  if (interruptedBy !== undefined) process.kill(process.pid, interruptedBy);
}

function checkGo(): void {
  const needed = /^go (\S+)$/m.exec(readFileSync(join(tools, 'go.mod'), 'utf8'))?.[1] ?? '';
  const found = goVersion();
  if (found === undefined) {
    throw new BuildError(`building Kubernetes needs Go ${needed} or newer, and there is no \`go\` on PATH: install it`);
  }
  if (found.localeCompare(needed, 'en', { numeric: true }) < 0) {
    throw new BuildError(`building Kubernetes needs Go ${needed} or newer, and this is Go ${found}: update it`);
  }
}

function goVersion(): string | undefined {
  try {
    // Local: not the newer one that it would fetch to please a go.mod.
    const env = { ...process.env, GOTOOLCHAIN: 'local' };
    return /go(\d+\.\d+(\.\d+)?)/.exec(execFileSync('go', ['version'], { encoding: 'utf8', env }))?.[1];
  } catch {
    return undefined;
  }
}

/** Runs the compiler; returns the signal that we were asked to end with meanwhile. */
async function goBuild(
  packages: readonly string[],
  output: string,
  scratch: string,
): Promise<NodeJS.Signals | undefined> {
  const cache = join(scratch, 'cache');
  const temporary = join(scratch, 'tmp');
  mkdirSync(temporary);
  const child = spawn(
    'go',
    [
      'build',
      '-trimpath',
      '-buildvcs=false',
      ...quickly.flags,
      '-ldflags',
      linkerFlags(),
      '-o',
      `${output}/`,
      ...packages,
    ],
    {
      cwd: tools,
      stdio: ['ignore', 'inherit', 'inherit'],
      // A group of its own: Go does not end its compilers when it is ended.
      detached: true,
      env: {
        ...process.env,
        ...quickly.env,
        GOTOOLCHAIN: 'local',
        GOFLAGS: '-mod=readonly',
        GOWORK: 'off',
        CGO_ENABLED: '0',
        GOCACHE: cache,
        GOTMPDIR: temporary,
      },
    },
  );
  // Asked to end, we end the compiler first, and then remove what it wrote.
  let interruptedBy: NodeJS.Signals | undefined;
  const interrupt = (signal: NodeJS.Signals) => {
    interruptedBy = signal;
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  if (code !== 0 && interruptedBy === undefined) {
    throw new BuildError('building Kubernetes failed; what Go says about it is above');
  }
  return interruptedBy;
}

/** The version that the programs tell, which would else be an unknown one. */
function linkerFlags(): string {
  const [major, minor] = kubernetesVersion.split('.');
  const values = {
    gitVersion: `v${kubernetesVersion}`,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
    gitCommit: 'unknown',
    buildDate: '1970-01-01T00:00:00Z',
  };
  const flags = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((place) =>
    Object.entries(values).map(([name, value]) => `-X ${place}.${name}=${value}`),
  );
  return ['-s', '-w', ...flags].join(' ');
}

/** A new folder; those of the same kind that a killed build left behind are removed. */
function temporaryFolder(parent: string, prefix: string): string {
  for (const name of readdirSync(parent).filter((each) => each.startsWith(prefix))) {
    const path = join(parent, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > abandonedAfterMs) rmSync(path, { recursive: true, force: true });
  }
  return mkdtempSync(join(parent, prefix));
}

/** Whether what Go writes may go into memory, which halves the time. */
function roomInMemory(): boolean {
  try {
    const { bavail, bsize } = statfsSync(memoryFolder);
    return bavail * bsize > scratchBytes && process.availableMemory() > scratchBytes + workingBytes;
  } catch {
    return false;
  }
}
