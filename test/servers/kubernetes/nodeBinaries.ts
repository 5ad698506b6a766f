import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from 'vitest';
import { binariesFolder, findKubernetes, howToGetKubernetes, isExecutable } from './binaries.ts';

/** What a real node runs beside a control plane; built into the same place, but on its own. */
export const nodePrograms = ['kubelet', 'kube-proxy', 'kube-scheduler', 'pause'] as const;
export type NodeProgram = (typeof nodePrograms)[number];

/** What it runs from packages of Debian, with the package of each. */
const packaged = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  nft: 'nftables',
  ip: 'iproute2',
  mount: 'mount',
  unshare: 'util-linux',
  nsenter: 'util-linux',
} as const;
type PackagedProgram = keyof typeof packaged;
/** Plug-ins that connect pods to the network, and the folder that Debian has them in. */
export const networkPlugins = '/usr/lib/cni';
const networkPluginsPackage = 'containernetworking-plugins';

/** The path of each program of a node. */
export type NodeBinaries = Readonly<Record<NodeProgram | PackagedProgram, string>>;

export const howToBuildNode = '`npm run build:kubernetes -- --node` builds it once, in 2 to 5 minutes, with Go';

/** The programs of a node, or why this machine cannot be one. */
export function findNode(env: NodeJS.ProcessEnv = process.env): NodeBinaries | { readonly missing: string } {
  const missing = unfit() ?? (findKubernetes(env) === undefined ? `Kubernetes: ${howToGetKubernetes}` : undefined);
  if (missing !== undefined) return { missing };
  const packages = missingPackages(env);
  if (packages.length > 0) return { missing: `\`apt-get install ${packages.join(' ')}\`` };
  if (!isNodeBuilt(env)) return { missing: `a kubelet: ${howToBuildNode}` };
  const built = nodePrograms.map((program) => [program, join(binariesFolder(env), program)] as const);
  const installed = Object.keys(packaged).map((program) => [program, onPath(program, env)] as const);
  return Object.fromEntries([...built, ...installed]) as NodeBinaries;
}

/** Whether all is there that a node needs and no package has. */
export const isNodeBuilt = (env: NodeJS.ProcessEnv = process.env): boolean =>
  findKubernetes(env) !== undefined &&
  nodePrograms.every((program) => isExecutable(join(binariesFolder(env), program)));

/** The packages of Debian that a node still needs. */
export function missingPackages(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const missing = Object.entries(packaged).filter(([program]) => onPath(program, env) === undefined);
  const plugins = isExecutable(join(networkPlugins, 'ptp')) ? [] : [networkPluginsPackage];
  return [...new Set([...missing.map(([, name]) => name), ...plugins])];
}

/** Why no node can be on this machine, whatever is installed. */
export function unfit(): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (process.getuid?.() !== 0) return 'root, who may make namespaces';
  return controllers().length > 0 ? undefined : 'control groups of version 1, which the namespaces are set up with';
}

/** The control group controllers of version 1 that the kernel has mounted. */
export const controllers = (): readonly string[] =>
  [...readFileSync('/proc/self/mounts', 'utf8').matchAll(/^cgroup \/sys\/fs\/cgroup\/(\S+) cgroup /gm)].map(
    ([, name = '']) => name,
  );

const onPath = (program: string, env: NodeJS.ProcessEnv): string | undefined =>
  [...(env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
    .map((folder) => join(folder, program))
    .find(isExecutable);

/** Tests that need a real node; where there is none they are counted as skipped, and say how to get it. */
export function describeWithNode(name: string, tests: () => void): void {
  const found = findNode();
  const missing = 'missing' in found ? found.missing : undefined;
  describe.skipIf(missing !== undefined)(missing === undefined ? name : `${name} (needs ${missing})`, tests);
}
