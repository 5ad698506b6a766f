import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, ApiError } from './api.ts';
import { type CommandOf, choosePorts, type Launch, prepare } from './launch.ts';
import {
  type FileSource,
  fileSources,
  hasToken,
  type Pod,
  type Probe,
  type Replacement,
  replacePaths,
  replacePorts,
} from './podSpec.ts';
import { type ContainerLife, notStarted, podStatus, restarts, type Terminated, terminated } from './podStatus.ts';
import { askProbe } from './probe.ts';
import { type Processes, signalGroup } from './processes.ts';
import { mountVolumes, NotYet } from './volumes.ts';

/** What the pods of a node share. */
export interface NodeWorld {
  readonly api: Api;
  readonly processes: Processes;
  readonly folder: string;
  readonly command: CommandOf;
  readonly env: Record<string, string>;
  /** The path of a new kubeconfig of a service account. */
  kubeconfigFor(who: { readonly serviceAccount: string; readonly namespace: string }): Promise<string>;
  readonly freePorts: readonly string[];
  /** The pause before the second restart; it doubles with each further one. */
  readonly backoffMs: number;
}

const longestBackoffMs = 10_000;
const retryMs = 500;
/** Until it is ready for the first time, a container is asked more often than its probe says. */
const eagerProbeMs = 200;

/** Leads one pod through its life, as a kubelet does, with a process of the host as its container. */
export class PodRunner {
  pod: Pod;
  life: ContainerLife = notStarted;
  ports: ReadonlyMap<string, Replacement> = new Map();
  #token: Readonly<Record<string, string>> | undefined;
  readonly #world: NodeWorld;
  readonly #folder: string;
  readonly #startTime = new Date().toISOString();
  readonly #ending = new AbortController();
  readonly #abandoned = new AbortController();
  readonly #lived: Promise<void>;
  #readySince = this.#startTime;
  #child: ChildProcess | undefined;
  #outOfMemory = false;
  #turn: Promise<unknown> = Promise.resolve();
  #telling = false;
  #told: Promise<void> = Promise.resolve();
  #removed: Promise<void> | undefined;

  constructor(pod: Pod, world: NodeWorld) {
    this.pod = pod;
    this.#world = world;
    this.#folder = join(world.folder, 'pods', pod.metadata.uid);
    this.#lived = this.#live();
  }

  /** The process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What the container has written, over all its restarts. */
  get log(): string {
    return join(this.#world.folder, 'logs', `${this.pod.metadata.uid}.log`);
  }

  /** Sends a signal to the process alone, as `kill` does. */
  kill(signal: NodeJS.Signals): void {
    if (this.#child?.kill(signal) !== true) throw new Error(`pod ${this.pod.metadata.name} has no process now`);
  }

  /** Ends the process and what it started as the kernel does when memory is short. */
  outOfMemory(): void {
    this.#outOfMemory = true;
    if (this.pid === undefined || !signalGroup(this.pid, 'SIGKILL')) this.kill('SIGKILL');
  }

  /** A Secret or ConfigMap has changed: so do the files that are made of it. */
  async refresh(kind: FileSource['kind'], name: string): Promise<void> {
    const sources = (this.pod.spec.volumes ?? []).flatMap(fileSources);
    const uses = sources.some((source) => source.kind === kind && source.name === name);
    if (uses && this.pid !== undefined) {
      // What is gone from the API stays in the files of those that read it.
      await this.#inTurn(() => mountVolumes(this.#world.api, this.pod, this.#folders())).catch(() => undefined);
    }
  }

  /** Ends the process within the grace that the pod is deleted with, and removes the pod from the API. */
  remove(graceSeconds: number): Promise<void> {
    // Deleted again, and now by force.
    if (graceSeconds === 0 && this.#child !== undefined) void this.#world.processes.end(this.#child, 0);
    this.#removed ??= this.#remove(graceSeconds);
    return this.#removed;
  }

  /** Takes no further step; the node ends the process. */
  abandon(): void {
    this.#ending.abort();
    this.#abandoned.abort();
  }

  async #remove(graceSeconds: number): Promise<void> {
    const { name, namespace, uid } = this.pod.metadata;
    this.#ending.abort();
    if (this.#child !== undefined) await this.#world.processes.end(this.#child, graceSeconds * 1000);
    await this.#lived;
    await this.#told;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    await this.#untilAnswered(() => this.#world.api.delete(path, { gracePeriodSeconds: 0, preconditions: { uid } }));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #live(): Promise<void> {
    const { signal } = this.#ending;
    this.ports = await choosePorts(this.pod, this.#world.freePorts);
    while (!signal.aborted && !this.life.over) {
      const launch = await this.#prepare();
      if (signal.aborted) return;
      if (launch === undefined) {
        await pause(retryMs, signal);
        continue;
      }
      const end = await this.#runOnce(launch);
      const over = signal.aborted || !restarts(this.pod, end);
      this.#become({ state: { terminated: end }, ready: false, over });
      if (!over) await this.#backOff(end);
    }
  }

  async #prepare(): Promise<Launch | undefined> {
    const { api, command } = this.#world;
    try {
      await mkdir(this.#folder, { recursive: true });
      await mkdir(join(this.#world.folder, 'logs'), { recursive: true });
      this.#token ??= await this.#credentials();
      const env = { ...this.#world.env, ...this.#token };
      const ports = [...this.ports.values()];
      return await this.#inTurn(() => prepare(api, this.pod, this.#folders(), { command, env, ports }));
    } catch (error) {
      if (error instanceof NotYet) {
        this.#become({ state: { waiting: { reason: error.reason, message: error.message } } });
      }
      return undefined;
    }
  }

  /** A service account's token comes as a kubeconfig: it says, too, where the API server is. */
  async #credentials(): Promise<Readonly<Record<string, string>>> {
    if (!hasToken(this.pod)) return {};
    const { serviceAccountName: serviceAccount = 'default' } = this.pod.spec;
    const { namespace } = this.pod.metadata;
    return { KUBECONFIG: await this.#world.kubeconfigFor({ serviceAccount, namespace }) };
  }

  async #runOnce(launch: Launch): Promise<Terminated> {
    const startedAt = new Date().toISOString();
    const { program, args, env } = launch;
    const child = this.#world.processes.start({ program, args, env, cwd: this.#folder, output: this.log });
    if (child.pid === undefined) {
      const message = `${program} cannot be started`;
      return { exitCode: 128, reason: 'StartError', message, startedAt, finishedAt: new Date().toISOString() };
    }
    this.#child = child;
    this.#outOfMemory = false;
    const gone = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const probing = new AbortController();
    const [{ readinessProbe }] = this.pod.spec.containers;
    this.#become({ state: { running: { startedAt } }, ready: readinessProbe === undefined });
    const probed = readinessProbe === undefined ? undefined : this.#probe(readinessProbe, launch, probing.signal);
    const [code, signal] = await gone;
    this.#child = undefined;
    probing.abort();
    await probed;
    return terminated(startedAt, { code, signal, outOfMemory: this.#outOfMemory });
  }

  async #probe(probe: Probe, launch: Launch, signal: AbortSignal): Promise<void> {
    const { periodSeconds = 10, failureThreshold = 3, initialDelaySeconds = 0 } = probe;
    const ports = [...this.ports.values()];
    const [{ ports: named = [] }] = this.pod.spec.containers;
    const probed = {
      env: launch.env,
      cwd: this.#folder,
      port: (port: number | string) => {
        const inside = named.find(({ name }) => name === port)?.containerPort ?? port;
        return Number(replacePorts(String(inside), ports));
      },
      command: (words: readonly string[]) => words.map((word) => replacePorts(replacePaths(word, launch.paths), ports)),
    };
    await pause(initialDelaySeconds * 1000, signal);
    for (let failures = 0; !signal.aborted; ) {
      const answered = await askProbe(probe, probed, signal);
      if (signal.aborted) return;
      failures = answered ? 0 : failures + 1;
      if (answered !== this.life.ready && (answered || failures >= failureThreshold)) this.#become({ ready: answered });
      await pause(this.life.ready ? periodSeconds * 1000 : Math.min(eagerProbeMs, periodSeconds * 1000), signal);
    }
  }

  /** The first restart comes at once. */
  async #backOff(last: Terminated): Promise<void> {
    const restartCount = this.life.restartCount + 1;
    const wait = restartCount === 1 ? 0 : Math.min(longestBackoffMs, this.#world.backoffMs * 2 ** (restartCount - 2));
    const message = `back-off ${wait} ms restarting failed container`;
    const lastState = { terminated: last };
    this.#become({ state: { waiting: { reason: 'CrashLoopBackOff', message } }, lastState, restartCount });
    await pause(wait, this.#ending.signal);
  }

  /** Takes a step in the container's life, and has the API told. */
  #become(step: Partial<ContainerLife>): void {
    const next = { ...this.life, ...step };
    if (next.ready !== this.life.ready) this.#readySince = new Date().toISOString();
    this.life = next;
    if (this.#telling) return;
    this.#telling = true;
    this.#told = this.#tell();
  }

  /** Tells the API the last step; steps taken while it is away, or slow, are told as one. */
  async #tell(): Promise<void> {
    const { name, namespace, uid } = this.pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    let told: ContainerLife;
    do {
      told = this.life;
      const status = podStatus(this.pod, told, this.#startTime, this.#readySince);
      // Naming the uid refuses the write to a new pod of the same name.
      await this.#untilAnswered(() => this.#world.api.patch(path, { metadata: { uid }, status }));
    } while (told !== this.life && !this.#abandoned.signal.aborted);
    this.#telling = false;
  }

  /** Tries again while the API server is away; what it refuses is not asked again. */
  async #untilAnswered(ask: () => Promise<unknown>): Promise<void> {
    const { signal } = this.#abandoned;
    while (!signal.aborted) {
      try {
        await ask();
        return;
      } catch (error) {
        if (error instanceof ApiError && error.code < 500 && error.code !== 429) return;
        await pause(retryMs, signal);
      }
    }
  }

  /** Files of volumes are written by one at a time. */
  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const written = this.#turn.then(write);
    this.#turn = written.catch(() => undefined);
    return written;
  }

  #folders() {
    return { pod: this.#folder, claims: join(this.#world.folder, 'claims') };
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
