import type { Api } from './api.ts';
import {
  type Container,
  expand,
  fieldOf,
  type Pod,
  type Replacement,
  replacePaths,
  replacePorts,
  type Variable,
} from './podSpec.ts';
import { serverPort } from './ports.ts';
import { mountVolumes, NotYet, type VolumeFolders, valuesOf } from './volumes.ts';

/** What becomes of a container on this host. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly paths: readonly Replacement[];
}

/** The program and the arguments that stand for a container's image and command. */
export type CommandOf = (pod: Pod, container: Container) => readonly string[];

/** What the manifest says. An image has no entry point here. */
export const commandOfManifest: CommandOf = (_pod, { command = [], args = [] }) => [...command, ...args];

/** Makes a pod's volumes and works out its command and environment; throws `NotYet` while something is missing. */
export async function prepare(
  api: Api,
  pod: Pod,
  folders: VolumeFolders,
  options: {
    readonly command: CommandOf;
    readonly ports: readonly Replacement[];
    readonly env: Record<string, string>;
  },
): Promise<Launch> {
  const [container] = pod.spec.containers;
  const paths = await mountVolumes(api, pod, folders);
  const own = await variablesOf(api, pod, container.env ?? []);
  const onHost = (text: string) => replacePorts(replacePaths(text, paths), options.ports);
  const env = Object.fromEntries(Object.entries(own).map(([name, value]) => [name, onHost(value)]));
  const translated = (words: readonly string[] = []) => words.map((word) => onHost(expand(word, own)));
  const { command, args: given } = container;
  // Only the manifest speaks of places in the container; the program that stands for its image is one of the host.
  const words = options.command(pod, { ...container, command: translated(command), args: translated(given) });
  const [program, ...args] = words;
  if (program === undefined) {
    throw new NotYet('CreateContainerError', `no command specified, and this node has no image ${container.image}`);
  }
  return { program, args, env: { ...options.env, HOME: folders.pod, ...env }, paths };
}

async function variablesOf(api: Api, pod: Pod, variables: readonly Variable[]): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const variable of variables) {
    const value =
      variable.valueFrom === undefined
        ? expand(variable.value ?? '', values)
        : await valueFrom(api, pod, variable.name, variable.valueFrom);
    if (value !== undefined) values[variable.name] = value;
  }
  return values;
}

async function valueFrom(
  api: Api,
  pod: Pod,
  name: string,
  from: NonNullable<Variable['valueFrom']>,
): Promise<string | undefined> {
  const kind = from.secretKeyRef === undefined ? 'configmaps' : 'secrets';
  const keyOf = from.secretKeyRef ?? from.configMapKeyRef;
  if (keyOf === undefined) {
    const field = from.fieldRef === undefined ? undefined : fieldOf(pod, from.fieldRef.fieldPath);
    if (field !== undefined) return field;
    throw new NotYet(
      'CreateContainerConfigError',
      `this node cannot say what ${name} is from: ${JSON.stringify(from)}`,
    );
  }
  const value = (await valuesOf(api, kind, pod.metadata.namespace, keyOf.name))?.get(keyOf.key);
  if (value !== undefined || keyOf.optional === true) return value?.toString('utf8');
  throw new NotYet('CreateContainerConfigError', `${kind} "${keyOf.name}" with key ${keyOf.key} not found`);
}

/** A free port of the host for each of the named container ports and port-valued variables that a pod has. */
export async function choosePorts(pod: Pod, names: readonly string[]): Promise<ReadonlyMap<string, Replacement>> {
  const [{ ports = [], env = [] }] = pod.spec.containers;
  const inside = new Map<string, string>();
  for (const { name = '', containerPort } of ports) inside.set(name, String(containerPort));
  for (const { name, value = '' } of env) if (/^\d+$/.test(value)) inside.set(name, value);
  const chosen = new Map<string, Replacement>();
  for (const name of names) {
    const port = inside.get(name);
    if (port !== undefined) chosen.set(name, { inside: port, outside: String(await serverPort()) });
  }
  return chosen;
}
