import { type ChildProcess, execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { controllers, type NodeBinaries } from './nodeBinaries.ts';
import type { Processes } from './processes.ts';

/** Addresses of pods, which are known within the node only: to others, they speak with the address of the node. */
export const podNetwork = '10.244.0.0/24';

/**
 * Mount, network, process, host name, IPC and control group namespaces of a node: what it mounts, routes, filters and
 * limits is not the host's, and it is gone with the first process in them. One pair of virtual network cards joins both.
 */
export interface Namespaces {
  /** The address of the host as the node sees it, where servers for it listen. */
  readonly hostAddress: string;
  readonly nodeAddress: string;
  /** The words that run a program inside, before its own. */
  readonly enter: readonly [string, ...string[]];
  /** Runs a program inside and gives what it printed. */
  run(program: string, ...args: readonly string[]): Promise<string>;
}

/** The control groups, one for each controller, that all of a node's processes are in; named after its folder. */
export const controlGroupsOf = (folder: string): readonly string[] =>
  controllers().map((controller) => join('/sys/fs/cgroup', controller, ownGroup(controller), basename(folder)));

/** The group that this process is in, below which it may make others. */
function ownGroup(controller: string): string {
  const groups = readFileSync('/proc/self/cgroup', 'utf8').trim().split('\n');
  const line = groups
    .map((each) => each.split(':'))
    .find(([, names = '']) => names.replace('name=', '') === controller);
  return line?.[2] ?? '/';
}

export async function makeNamespaces(
  binaries: NodeBinaries,
  folder: string,
  processes: Processes,
): Promise<Namespaces> {
  const groups = controlGroupsOf(folder);
  for (const group of groups) makeControlGroup(group);
  const first = startFirst(binaries, folder, processes, groups);
  const pid = await childOf(first);
  const enter = enterWords(binaries, pid, groups);
  const run = async (program: string, ...args: readonly string[]) => {
    const [shell, ...words] = enter;
    return (await promisify(execFile)(shell, [...words, program, ...args])).stdout;
  };
  const addresses = await joinNetworks(binaries, pid, run);
  await run('/bin/sh', '-euc', settings);
  return { ...addresses, enter, run };
}

function makeControlGroup(group: string): void {
  mkdirSync(group);
  // A new group of this controller has none, and then takes no process.
  if (!group.startsWith('/sys/fs/cgroup/cpuset/')) return;
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    writeFileSync(join(group, file), readFileSync(join(group, '..', file)));
}

/** Starts the process that the namespaces live as long as; it enters the control groups first, so that they are its roots. */
function startFirst(
  { unshare, pause }: NodeBinaries,
  folder: string,
  processes: Processes,
  groups: readonly string[],
): ChildProcess {
  const script = 'for group in "$@"; do echo $$ > "$group/cgroup.procs"; done; exec $UNSHARE';
  const namespaces = '--mount --net --uts --ipc --pid --cgroup --fork --kill-child --mount-proc';
  return processes.start({
    program: '/bin/sh',
    args: ['-euc', script, 'sh', ...groups],
    env: { UNSHARE: `${unshare} ${namespaces} ${pause}` },
    output: join(folder, 'namespaces.log'),
  });
}

/** What a process has to do to be inside: a namespace can be entered, a control group has to be joined. */
function enterWords({ nsenter }: NodeBinaries, pid: number, groups: readonly string[]): Namespaces['enter'] {
  const join = groups.map((group) => `echo $$ > ${group}/cgroup.procs`).join('; ');
  return ['/bin/sh', '-euc', `${join}; exec ${nsenter} --target=${pid} -m -n -u -i -p -C -- "$@"`, 'sh'];
}

/** The one child of a process, once it has one. */
async function childOf({ pid, spawnfile }: ChildProcess): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    // Between clone and exec it is not yet in its own mount namespace.
    if (children !== '' && readFileSync(`/proc/${children}/comm`, 'utf8').startsWith('pause')) return Number(children);
    await sleep(25);
  }
  throw new Error(`${spawnfile} made no namespaces`);
}

/** Puts a cable between host and node, in a network that the host does not have yet. */
async function joinNetworks({ ip, nft }: NodeBinaries, pid: number, run: Namespaces['run']) {
  const taken = Object.values(networkInterfaces()).flatMap((cards) => cards?.map(({ address }) => address) ?? []);
  const number = Array.from({ length: 200 }, (_, index) => (pid + index) % 254 || 1).find(
    (each) => !taken.includes(`10.77.${each}.1`),
  );
  const [hostAddress, nodeAddress] = [`10.77.${number}.1`, `10.77.${number}.2`];
  const card = `jobpulse${number}`;
  const host = (...args: readonly string[]) => promisify(execFile)(ip, args);
  await host('link', 'add', card, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
  await host('address', 'add', `${hostAddress}/24`, 'dev', card);
  await host('link', 'set', card, 'up');
  for (const args of [
    ['link', 'set', 'lo', 'up'],
    ['address', 'add', `${nodeAddress}/24`, 'dev', 'eth0'],
    ['link', 'set', 'eth0', 'up'],
    ['route', 'add', 'default', 'via', hostAddress],
  ])
    await run(ip, ...args);
  const chain = 'type nat hook postrouting priority 100;';
  const rule = `ip saddr ${podNetwork} oifname eth0 masquerade`;
  await run(nft, `table ip jobpulse { chain out { ${chain} ${rule}; }; }`);
  return { hostAddress, nodeAddress };
}

/** What the programs of a node write goes into memory of its own; what they set of the whole kernel, nowhere. */
const settings = `
hostname node-1
mount --make-rshared /
for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs $folder; done
mkdir -p /run/lock /var/lib/kubelet
controllers=$(sed -n 's|^cgroup /sys/fs/cgroup/\\([^ ]*\\) cgroup .*|\\1|p' /proc/self/mounts)
umount -R /sys 2>/dev/null || umount -l /sys
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
for controller in $controllers; do
  mkdir /sys/fs/cgroup/$controller
  options=$controller
  [ $controller != systemd ] || options=none,name=systemd
  mount -t cgroup -o $options cgroup /sys/fs/cgroup/$controller
done
echo 1 > /proc/sys/net/ipv4/ip_forward
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \\
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  name=\${setting%%=*}
  mkdir -p /run/sysctl/$(dirname $name)
  echo \${setting#*=} > /run/sysctl/$name
  [ ! -e /proc/sys/$name ] || mount --bind /run/sysctl/$name /proc/sys/$name
done
`;
