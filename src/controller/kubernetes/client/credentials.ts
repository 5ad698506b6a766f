import { readFile } from 'node:fs/promises';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { TerminalError, TransientError } from '../../../run/errors.ts';
import type { ClusterChoice } from './kubeconfig.ts';

/** What goes with a request. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsMaterial;
}

export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface CredentialSource {
  /** Of now: files are read again once a minute, because tokens and certificates are renewed in place. */
  current(): Promise<Credentials>;
  /** The API server refused them: the next ones are made anew. */
  refuse(): void;
}

const freshMs = 60_000;
/** A plugin may ask a person to log in. */
const pluginMs = 60_000;

/** Credentials by client certificate, token, token file, password or exec plugin. */
export function credentialSource({ cluster, user }: ClusterChoice, now: () => number): CredentialSource {
  if (user.authProvider && !user.authProvider.config?.tokenFile) {
    throw new TerminalError(
      'KubeconfigInvalid',
      `user "${user.name}" of the kubeconfig has an auth-provider, which clusters no longer take; use an exec plugin`,
    );
  }
  let plugin = new ExecAuth();
  let held: { readonly at: number; readonly credentials: Promise<Credentials> } | undefined;

  const make = async (): Promise<Credentials> => {
    const [ca, cert, key] = await Promise.all([
      textOf(cluster.caFile, cluster.caData),
      textOf(user.certFile, user.certData),
      textOf(user.keyFile, user.keyData),
    ]);
    const issued = user.exec
      ? await runPlugin(plugin, { cluster, user })
      : { headers: await authorization(user), tls: {} };
    return {
      headers: { ...issued.headers, ...(user.impersonateUser && { 'impersonate-user': user.impersonateUser }) },
      tls: {
        ...given({ ca, cert, key, servername: cluster.tlsServerName, ...issued.tls }),
        rejectUnauthorized: !cluster.skipTLSVerify,
      },
    };
  };

  return {
    current() {
      if (held && now() - held.at < freshMs) return held.credentials;
      const credentials = make();
      const mine = { at: now(), credentials };
      held = mine;
      credentials.catch(() => {
        if (held === mine) held = undefined;
      });
      return credentials;
    },
    refuse() {
      held = undefined;
      plugin = new ExecAuth();
    },
  };
}

async function textOf(file: string | undefined, base64: string | undefined): Promise<string | undefined> {
  if (file) return readFile(file, 'utf8');
  return base64 ? Buffer.from(base64, 'base64').toString() : undefined;
}

async function authorization(user: ClusterChoice['user']): Promise<Record<string, string>> {
  const tokenFile: string | undefined = user.authProvider?.config?.tokenFile;
  const token = user.token ?? (tokenFile === undefined ? undefined : await readFile(tokenFile, 'utf8'));
  if (token) return { authorization: `Bearer ${token.trim()}` };
  if (!user.username) return {};
  return { authorization: `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}` };
}

/** What the user's program issues; it keeps what it got until that expires. */
async function runPlugin(plugin: ExecAuth, { cluster, user }: Pick<ClusterChoice, 'cluster' | 'user'>) {
  const { command, apiVersion, env = [] } = user.exec;
  // Plugins read from it which version of the protocol is spoken, and which cluster is meant.
  const info = {
    apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, cluster: { server: cluster.server } },
  };
  const told = [...(env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }];
  const options: { headers: Record<string, string>; cert?: string; key?: string } = { headers: {} };
  const failed = (how: string) =>
    // Neither what it printed nor its arguments: both may hold secrets.
    new TransientError(`the credential plugin ${command} of the kubeconfig ${how}; run it by hand to see why`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(failed(`gave no answer in ${pluginMs / 1000} s`)), pluginMs);
  });
  const asked = plugin.applyAuthentication({ ...user, exec: { ...user.exec, env: told } }, options).catch(() => {
    throw failed('failed');
  });
  await Promise.race([asked, late]).finally(() => clearTimeout(timer));
  const { Authorization, ...rest } = options.headers;
  const headers = { ...rest, ...(Authorization && { authorization: Authorization }) };
  return { headers, tls: given({ cert: options.cert, key: options.key }) };
}

/** Without the members that are undefined. */
function given<Values extends object>(values: Values): { [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
