import type { KubernetesObject } from './api.ts';

/** A pod, as far as a host node looks into it. */
export interface Pod extends KubernetesObject {
  readonly metadata: KubernetesObject['metadata'] & {
    readonly namespace: string;
    readonly deletionGracePeriodSeconds?: number;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly serviceAccountName?: string;
    readonly schedulingGates?: readonly object[];
    readonly restartPolicy?: 'Always' | 'OnFailure' | 'Never';
    readonly containers: readonly [Container, ...Container[]];
    readonly volumes?: readonly Volume[];
  };
  readonly status?: { readonly phase?: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly Variable[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
  readonly readinessProbe?: Probe;
}

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly secretKeyRef?: KeyOf;
    readonly configMapKeyRef?: KeyOf;
  };
}

interface KeyOf {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

export interface Volume {
  readonly name: string;
  readonly secret?: { readonly secretName: string; readonly items?: readonly Item[]; readonly optional?: boolean };
  readonly configMap?: { readonly name: string; readonly items?: readonly Item[]; readonly optional?: boolean };
  readonly emptyDir?: object;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly projected?: {
    readonly sources?: readonly { readonly serviceAccountToken?: object; readonly secret?: ProjectedSecret }[];
  };
}

interface ProjectedSecret {
  readonly name: string;
  readonly items?: readonly Item[];
  readonly optional?: boolean;
}

interface Item {
  readonly key: string;
  readonly path: string;
}

export interface Probe {
  readonly httpGet?: { readonly path?: string; readonly port: number | string };
  readonly exec?: { readonly command: readonly string[] };
  readonly initialDelaySeconds?: number;
  readonly periodSeconds?: number;
  readonly timeoutSeconds?: number;
  readonly failureThreshold?: number;
}

/** A Secret or a ConfigMap whose values are the files of a volume. */
export interface FileSource {
  readonly kind: 'secrets' | 'configmaps';
  readonly name: string;
  readonly items?: readonly Item[];
  readonly optional?: boolean;
}

/** What the files of a volume are made of. */
export function fileSources({ secret, configMap, projected }: Volume): readonly FileSource[] {
  return [
    ...(secret === undefined ? [] : [{ ...secret, kind: 'secrets' as const, name: secret.secretName }]),
    ...(configMap === undefined ? [] : [{ ...configMap, kind: 'configmaps' as const }]),
    ...(projected?.sources ?? []).flatMap((source) =>
      source.secret === undefined ? [] : [{ ...source.secret, kind: 'secrets' as const }],
    ),
  ];
}

/** Whether a pod is given a token of its service account. */
export function hasToken({ spec: { volumes = [] } }: Pod): boolean {
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  return sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined);
}

/** A path or a port of the container, and what stands for it on the host. */
export interface Replacement {
  readonly inside: string;
  readonly outside: string;
}

/** Puts the folders of the host where a text names the paths they are mounted at; the longest path wins. */
export function replacePaths(text: string, paths: readonly Replacement[]): string {
  if (paths.length === 0) return text;
  const outside = new Map(paths.map((path) => [path.inside, path.outside]));
  const longestFirst = [...outside.keys()].sort((a, b) => b.length - a.length);
  // A path ends where no further letter of its last name follows: /data is not in /database.
  const pattern = new RegExp(`(?<![\\w.-])(?:${longestFirst.map(RegExp.escape).join('|')})(?![\\w.-])`, 'g');
  return text.replace(pattern, (found) => outside.get(found) ?? found);
}

/** Puts the ports of the host where a text is a port, or ends with one after `=` or `:`. */
export function replacePorts(text: string, ports: readonly Replacement[]): string {
  for (const { inside, outside } of ports) {
    if (text === inside) return outside;
    if (text.endsWith(`:${inside}`) || text.endsWith(`=${inside}`)) return text.slice(0, -inside.length) + outside;
  }
  return text;
}

/** Puts the values of variables for `$(NAME)`, as Kubernetes does in commands, arguments and later variables. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([\w.-]+)\)/g, (found, name: string | undefined) =>
    name === undefined ? '$' : (variables[name] ?? found),
  );
}

/** The value of a field that a pod may ask for about itself. */
export function fieldOf(pod: Pod, fieldPath: string): string | undefined {
  const fields: Readonly<Record<string, string | undefined>> = {
    'metadata.name': pod.metadata.name,
    'metadata.namespace': pod.metadata.namespace,
    'metadata.uid': pod.metadata.uid,
    'spec.nodeName': pod.spec.nodeName,
    'status.podIP': hostAddress,
    'status.hostIP': hostAddress,
  };
  return fields[fieldPath];
}

/** Pods share the network of the host. */
export const hostAddress = '127.0.0.1';
