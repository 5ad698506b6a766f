import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import {
  type Cluster,
  newClusters,
  newContexts,
  newUsers,
  type User,
} from '@kubernetes/client-node/dist/config_types.js';
import { parse } from 'yaml';
import { TerminalError } from '../../../run/errors.ts';

/** Which cluster is meant, and as whom it is talked to. */
export interface ClusterChoice {
  readonly cluster: Cluster;
  readonly user: User;
  /** Of the context; `default` when it names none. */
  readonly namespace: string;
}

const serviceAccountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * As kubectl finds it: the given file, else those of `KUBECONFIG`, else `~/.kube/config`, else the service account of the
 * pod that this process runs in. Of what several files define, the first counts.
 */
export function findCluster(kubeconfig: string | undefined, context: string | undefined): ClusterChoice {
  const files = kubeconfig === undefined ? defaultFiles() : [kubeconfig];
  if (files.length > 0) return fromFiles(files, context);
  if (existsSync(join(serviceAccountFolder, 'token'))) return fromServiceAccount();
  throw invalid('there is no kubeconfig and this is no pod: name a kubeconfig, or set KUBECONFIG');
}

function defaultFiles(): readonly string[] {
  // A list may name files that are not there, as kubectl allows.
  const named = (process.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
  const candidates = named.length > 0 ? named : [join(homedir(), '.kube', 'config')];
  const found = candidates.filter((file) => existsSync(file));
  if (named.length > 0 && found.length === 0)
    throw invalid(`KUBECONFIG is ${named.join(delimiter)}: there is no such file`);
  return found;
}

function fromFiles(files: readonly string[], wanted: string | undefined): ClusterChoice {
  const parts = files.map(readConfig);
  const where = files.join(delimiter);
  const contextName = wanted ?? parts.map(({ current }) => current).find((name) => name !== undefined);
  if (contextName === undefined) throw invalid(`${where} has no current-context: run \`kubectl config use-context\``);
  const context = named(
    parts.flatMap(({ contexts }) => contexts),
    contextName,
    `${where} has no context`,
  );
  const cluster = named(
    parts.flatMap(({ clusters }) => clusters),
    context.cluster,
    `${where} has no cluster`,
  );
  const users = parts.flatMap((part) => part.users);
  // A cluster that asks nobody who they are needs no user.
  const user = context.user ? named(users, context.user, `${where} has no user`) : { name: '' };
  return { cluster, user, namespace: context.namespace ?? 'default' };
}

function named<Entry extends { readonly name: string }>(
  entries: readonly Entry[],
  name: string,
  missing: string,
): Entry {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry) return entry;
  throw invalid(`${missing} "${name}"; it has ${entries.map((each) => each.name).join(', ') || 'none'}`);
}

function readConfig(file: string) {
  try {
    const config = (parse(readFileSync(file, 'utf8')) ?? {}) as Readonly<Record<string, unknown>>;
    const base = dirname(resolve(file));
    const current = config['current-context'];
    return {
      clusters: newClusters(config.clusters).map((cluster) => clusterFrom(base, cluster)),
      users: newUsers(withTokenFiles(config.users)).map((user) => userFrom(base, user)),
      contexts: newContexts(config.contexts),
      current: typeof current === 'string' && current !== '' ? current : undefined,
    };
  } catch (error) {
    // A parser's message may quote the line it stumbled over, and lines of a kubeconfig are secrets.
    const code = (error as NodeJS.ErrnoException).code;
    throw invalid(`${file} cannot be read as a kubeconfig${code === undefined ? '' : ` (${code})`}`);
  }
}

/** A file of a token is read when it is used, because it is renewed: it is handed on as the client library knows it. */
function withTokenFiles(users: unknown): unknown {
  if (!Array.isArray(users)) return users;
  return users.map((entry: { readonly name: string; readonly user?: Readonly<Record<string, unknown>> }) => {
    const { tokenFile, ...user } = entry.user ?? {};
    if (typeof tokenFile !== 'string') return entry;
    return { ...entry, user: { ...user, 'auth-provider': { name: 'tokenFile', config: { tokenFile } } } };
  });
}

/** Paths in a kubeconfig are relative to its folder. */
function clusterFrom(base: string, cluster: Cluster): Cluster {
  return cluster.caFile ? { ...cluster, caFile: resolve(base, cluster.caFile) } : cluster;
}

function userFrom(base: string, user: User): User {
  const tokenFile = user.authProvider?.config?.tokenFile;
  const command = user.exec?.command;
  return {
    ...user,
    ...(user.certFile && { certFile: resolve(base, user.certFile) }),
    ...(user.keyFile && { keyFile: resolve(base, user.keyFile) }),
    ...(tokenFile && { authProvider: { name: 'tokenFile', config: { tokenFile: resolve(base, tokenFile) } } }),
    // Without a slash it is a program on the PATH.
    ...(command?.includes('/') && { exec: { ...user.exec, command: resolve(base, command) } }),
  };
}

function fromServiceAccount(): ClusterChoice {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = process.env;
  if (!host) throw invalid('KUBERNETES_SERVICE_HOST is not set, though this looks like a pod');
  const file = (name: string) => join(serviceAccountFolder, name);
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return {
    cluster: { name: 'in-cluster', server, caFile: file('ca.crt'), skipTLSVerify: false },
    user: { name: 'in-cluster', authProvider: { name: 'tokenFile', config: { tokenFile: file('token') } } },
    namespace: readFileSync(file('namespace'), 'utf8').trim(),
  };
}

const invalid = (message: string): TerminalError => new TerminalError('KubeconfigInvalid', message);
