import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { version } from '../../src/version.ts';
import type { Values } from '../imports/values.ts';

/** An object of Kubernetes, as plain data. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [member: string]: unknown;
}

/** Every value given. */
export type Complete<Value> = Value extends readonly unknown[]
  ? Value
  : Value extends object
    ? { readonly [Key in keyof Value]-?: Complete<Value[Key]> }
    : Value;

/** What an installation is made from: the values of the chart, all of them, and what it is called. */
export interface Settings {
  readonly name: string;
  readonly namespace: string;
  readonly values: Complete<Values>;
  /** The password of a user of the bundled Redis: `controller`, or a namespace. */
  readonly password: (who: string) => string;
}

export const chartFolder = join(import.meta.dirname, '..', '..', 'charts', 'jobpulse');

/** The values of the chart, with what is given in place of its defaults. */
export const withDefaults = (given: Values): Complete<Values> =>
  merged(parse(readFileSync(join(chartFolder, 'values.yaml'), 'utf8')), given) as Complete<Values>;

/** As Helm merges: maps member by member, everything else as a whole. */
function merged(fallback: unknown, given: unknown): unknown {
  if (given === undefined) return fallback;
  if (!isMap(fallback) || !isMap(given)) return given;
  const names = [...new Set([...Object.keys(fallback), ...Object.keys(given)])];
  return Object.fromEntries(names.map((name) => [name, merged(fallback[name], given[name])]));
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The namespaces that are looked after by name: the installation's own first. */
export const namespacesOf = ({ namespace, values }: Settings): readonly string[] => [
  ...new Set([namespace, ...values.watch.namespaces]),
];

export const metadataOf = ({ name, namespace }: Settings, component?: string, suffix = ''): Manifest['metadata'] => ({
  name: `${name}${suffix}`,
  namespace,
  labels: {
    ...labelsOf(name),
    ...(component === undefined ? {} : { 'app.kubernetes.io/component': component }),
  },
});

export const labelsOf = (name: string): Readonly<Record<string, string>> => ({
  'app.kubernetes.io/name': 'jobpulse',
  'app.kubernetes.io/instance': name,
  'app.kubernetes.io/version': version,
  'app.kubernetes.io/managed-by': 'cdk8s',
  'app.kubernetes.io/part-of': 'jobpulse',
});

export const selectorOf = (
  { name }: Settings,
  component: 'controller' | 'redis',
): Readonly<Record<string, string>> => ({
  'app.kubernetes.io/name': 'jobpulse',
  'app.kubernetes.io/instance': name,
  'app.kubernetes.io/component': component,
});

export function imageOf({ values: { image } }: Settings): string {
  const repository = image.registry === '' ? image.repository : `${image.registry}/${image.repository}`;
  return `${repository}:${image.tag === '' ? version : image.tag}`;
}

export const redisImageOf = ({ values: { image, redis } }: Settings): string =>
  image.registry === '' ? redis.image : `${image.registry}/${redis.image}`;

/** The Secret with the address of Redis, and the key of it that workers use. */
export function redisSecretOf({ name, values: { redis } }: Settings): { readonly name: string; readonly key: string } {
  if (redis.bundled) return { name: `${name}-redis`, key: 'url' };
  if (redis.existingSecret.name !== '') return redis.existingSecret;
  throw new Error('redis.existingSecret.name is needed when redis.bundled is false');
}

export const lakeClaimOf = ({ name, values }: Settings): string =>
  values.lake.filesystem.existingClaim === '' ? `${name}-lake` : values.lake.filesystem.existingClaim;

/** Whether a map has members. */
export const isGiven = (map: object): boolean => Object.keys(map).length > 0;

/** The restricted Pod Security Standard. */
export const podSecurity = {
  ...{ runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, fsGroup: 65532 },
  seccompProfile: { type: 'RuntimeDefault' },
};
export const containerSecurity = {
  ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
  capabilities: { drop: ['ALL'] },
};

export const pullSecretsOf = ({ values: { image } }: Settings) =>
  image.pullSecrets.length === 0 ? {} : { imagePullSecrets: image.pullSecrets.map((name) => ({ name })) };
