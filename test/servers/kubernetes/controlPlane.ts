import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, connectApi } from './api.ts';
import { type AuditEntry, auditPolicy, readAudit, readLines } from './audit.ts';
import { type Binaries, findKubernetes, howToGetKubernetes } from './binaries.ts';
import { type KubectlOptions, type KubectlResult, runKubectl } from './kubectl.ts';
import { type Authority, type Credentials, createAuthority, createSigningKey, type Identity } from './pki.ts';
import { serverPort } from './ports.ts';
import { ownProcesses, type Processes } from './processes.ts';

export interface ControlPlaneOptions {
  /** Keep a log of all requests, for `audit()`. */
  readonly audit?: boolean;
  /** Further flags of the API server. */
  readonly apiServerArgs?: readonly string[];
  /** Further flags of the controller manager. */
  readonly controllerManagerArgs?: readonly string[];
  /** The address of this machine at which the API server is. Default: loopback, which no pod of a real node reaches. */
  readonly address?: string;
}

const loopback = '127.0.0.1';
/** The name under which the API server passes requests on. */
const frontProxy = 'front-proxy-client';
/** What the Service `kubernetes` gets: the first address of those that Services have. */
const serviceAddress = '10.96.0.1';

/** A place in the audit log. */
export type AuditMark = number;

/** A real, private, empty Kubernetes without nodes: etcd, API server and controller manager on this machine. */
export interface ControlPlane {
  readonly url: string;
  /** The certificate, in PEM, that the API server's own can be checked with. */
  readonly authority: string;
  /** A certificate of that authority for a server at loopback, such as a node's. */
  serverCertificate(): Promise<Credentials>;
  /** The path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Runs kubectl as administrator, or as who is in another kubeconfig. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>;
  /** The path of a new kubeconfig: of a user, by client certificate, or of a service account, by token. */
  kubeconfigFor(who: Identity | { readonly serviceAccount: string; readonly namespace: string }): Promise<string>;
  /** A connection as administrator, or as another user. Close it. */
  connect(identity?: Identity): Promise<Api>;
  /** The place that the audit log has come to now. */
  auditMark(): Promise<AuditMark>;
  /** The requests for resources that were answered since the mark, or since the start. */
  audit(mark?: AuditMark): Promise<readonly AuditEntry[]>;
  /** Ends the API server as an update would (SIGTERM), or as a crash (SIGKILL); what etcd holds stays. */
  stopApiServer(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Starts it again at the same address; settles when it is ready. */
  startApiServer(): Promise<void>;
  /** Ends everything, and removes all it has written. */
  stop(): Promise<void>;
}

/** Who administrates: the group is the one that may do everything, whatever the roles say. */
const administrator: Identity = { user: 'admin', groups: ['system:masters'] };
/** Generous: a second or two, unless the machine has much else to do. */
const readyWithinMs = 150_000;

/** The parts of a control plane that its functions share. */
interface Parts {
  readonly binaries: Binaries;
  readonly folder: string;
  readonly processes: Processes;
  readonly authority: Authority;
  readonly address: string;
  readonly url: string;
  readonly ports: { readonly etcd: number; readonly api: number };
}

/** Starts a control plane; it is ready when pods can be created in the namespace `default`. Takes a few seconds. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = findKubernetes();
  if (binaries === undefined) throw new Error(`no Kubernetes on this machine: ${howToGetKubernetes}`);
  const folder = await mkdtemp(join(tmpdir(), 'jobpulse-test-kubernetes-'));
  const processes = ownProcesses(folder);
  try {
    const ports = { etcd: await serverPort(), api: await serverPort() };
    const authority = await createAuthority();
    const address = options.address ?? loopback;
    const parts = { binaries, folder, processes, authority, ports, address, url: `https://${address}:${ports.api}` };
    return await assemble(parts, options);
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

async function assemble(parts: Parts, options: ControlPlaneOptions): Promise<ControlPlane> {
  const { binaries, folder, processes, authority, url } = parts;
  const connect = async (identity = administrator) =>
    connectApi(url, authority.certificate, await authority.client(identity));
  const api = await connect();
  await writeServerFiles(parts);
  startEtcd(parts);
  let server = await startApiServer(parts, api, options);
  await startControllerManager(parts, api, options);
  const kubeconfig = await kubeconfigFor(parts, api, administrator);

  const readLog = (mark: AuditMark) => {
    if (options.audit !== true) throw new Error('there is no audit log: start the control plane with { audit: true }');
    return settledLog(api, join(folder, 'audit.log'), mark);
  };
  const cacheDir = join(folder, 'kubectl-cache');
  return {
    url,
    authority: authority.certificate,
    serverCertificate: () => authority.server(),
    kubeconfig,
    connect,
    kubectl: (args, given = {}) => runKubectl(binaries.kubectl, args, { kubeconfig, cacheDir, ...given }),
    kubeconfigFor: (who) => kubeconfigFor(parts, api, who),
    auditMark: async () => Buffer.byteLength((await readLog(0)).log),
    audit: async (mark = 0) => (await readLog(mark)).entries,
    stopApiServer: (signal = 'SIGTERM') => processes.end(server, signal === 'SIGTERM' ? 20_000 : 0),
    startApiServer: async () => {
      server = await startApiServer(parts, api, options);
    },
    stop: async () => {
      await api.close();
      await processes.stop();
    },
  };
}

async function writeServerFiles({ folder, authority, address }: Parts): Promise<void> {
  const server = await authority.server([address, serviceAddress]);
  // As whom it asks kubelets for logs.
  const asker = await authority.client({ user: 'kube-apiserver', groups: ['system:masters'] });
  const proxy = await authority.client({ user: frontProxy });
  const write = (name: string, content: string) => writeFile(join(folder, name), content, { mode: 0o600 });
  await Promise.all([
    write('ca.crt', authority.certificate),
    write('apiserver.crt', server.certificate),
    write('apiserver.key', server.key),
    write('kubelet-client.crt', asker.certificate),
    write('kubelet-client.key', asker.key),
    write('front-proxy.crt', proxy.certificate),
    write('front-proxy.key', proxy.key),
    write('service-accounts.key', createSigningKey()),
    write('audit-policy.json', JSON.stringify(auditPolicy)),
  ]);
}

function startEtcd({ binaries, folder, processes, ports }: Parts): void {
  const client = `http://127.0.0.1:${ports.etcd}`;
  // The member has no peers; port 0 lets the kernel choose the one that nobody calls.
  const peer = 'http://127.0.0.1:0';
  processes.start({
    program: binaries.etcd,
    args: [
      `--data-dir=${join(folder, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      // A test does not outlive a power cut.
      '--unsafe-no-fsync',
    ],
    output: join(folder, 'etcd.log'),
  });
}

async function startApiServer(parts: Parts, api: Api, options: ControlPlaneOptions): Promise<ChildProcess> {
  const { binaries, folder, processes, ports } = parts;
  const file = (name: string) => join(folder, name);
  const auditFlags = [
    `--audit-policy-file=${file('audit-policy.json')}`,
    `--audit-log-path=${file('audit.log')}`,
    // One file: marks are places in it.
    '--audit-log-maxsize=100000',
  ];
  const server = processes.start({
    program: binaries['kube-apiserver'],
    args: [
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      `--bind-address=${parts.address}`,
      `--advertise-address=${parts.address}`,
      `--secure-port=${ports.api}`,
      // A loopback address cannot be the endpoint of the Service `kubernetes`.
      ...(parts.address === loopback ? ['--endpoint-reconciler-type=none'] : []),
      `--kubelet-client-certificate=${file('kubelet-client.crt')}`,
      `--kubelet-client-key=${file('kubelet-client.key')}`,
      '--kubelet-preferred-address-types=InternalIP',
      `--tls-cert-file=${file('apiserver.crt')}`,
      `--tls-private-key-file=${file('apiserver.key')}`,
      `--client-ca-file=${file('ca.crt')}`,
      // As whom it passes requests on to API servers that extend it, and where these are.
      `--requestheader-client-ca-file=${file('ca.crt')}`,
      `--requestheader-allowed-names=${frontProxy}`,
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${file('front-proxy.crt')}`,
      `--proxy-client-key-file=${file('front-proxy.key')}`,
      '--enable-aggregator-routing=true',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${file('service-accounts.key')}`,
      `--service-account-signing-key-file=${file('service-accounts.key')}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--service-cluster-ip-range=10.96.0.0/16',
      '--profiling=false',
      // Told to end, it ends the watches; without, it waits a minute for clients to do so.
      '--shutdown-watch-termination-grace-period=1s',
      ...(options.audit === true ? auditFlags : []),
      ...(options.apiServerArgs ?? []),
    ],
    output: file('kube-apiserver.log'),
  });
  const ready = () => api.ping('/readyz');
  await until(ready, server, file('kube-apiserver.log'));
  return server;
}

async function startControllerManager(parts: Parts, api: Api, options: ControlPlaneOptions): Promise<void> {
  const { binaries, folder, processes } = parts;
  const file = (name: string) => join(folder, name);
  const kubeconfig = await kubeconfigFor(parts, api, { user: 'system:kube-controller-manager' });
  const manager = processes.start({
    program: binaries['kube-controller-manager'],
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--service-account-private-key-file=${file('service-accounts.key')}`,
      `--root-ca-file=${file('ca.crt')}`,
      '--use-service-account-credentials',
      '--leader-elect=false',
      // It serves nothing that a test asks for.
      '--secure-port=0',
      '--kube-api-qps=1000',
      '--kube-api-burst=2000',
      ...(options.controllerManagerArgs ?? []),
    ],
    output: file('kube-controller-manager.log'),
  });
  const canCreatePods = () => api.get('/api/v1/namespaces/default/serviceaccounts/default');
  await until(canCreatePods, manager, file('kube-controller-manager.log'));
}

async function kubeconfigFor(
  { folder, authority, url }: Parts,
  api: Api,
  who: Parameters<ControlPlane['kubeconfigFor']>[0],
): Promise<string> {
  const user = 'serviceAccount' in who ? { token: await tokenFor(api, who) } : await certificateFor(authority, who);
  const path = join(folder, `kubeconfig-${randomUUID()}`);
  const data = (pem: string) => Buffer.from(pem).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority-data': data(authority.certificate) } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
    users: [{ name: 'test', user }],
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

async function certificateFor(authority: Authority, identity: Identity): Promise<object> {
  const { certificate, key } = await authority.client(identity);
  return {
    'client-certificate-data': Buffer.from(certificate).toString('base64'),
    'client-key-data': Buffer.from(key).toString('base64'),
  };
}

async function tokenFor(
  api: Api,
  who: { readonly serviceAccount: string; readonly namespace: string },
): Promise<string> {
  const path = `/api/v1/namespaces/${who.namespace}/serviceaccounts/${who.serviceAccount}/token`;
  const answer = await api.post<{ status: { token: string } }>(path, { spec: { expirationSeconds: 24 * 3600 } });
  return answer.status.token;
}

/** The log from an offset on, when it surely has all requests that were answered before this call. */
async function settledLog(api: Api, path: string, offset: number) {
  const word = randomUUID();
  await api.ping(`/livez?mark=${word}`);
  for (let attempt = 0; attempt < 500; attempt++) {
    const log = await readLines(path, offset);
    const { seen, entries } = readAudit(log, word);
    if (seen) return { log, entries };
    await sleep(10);
  }
  throw new Error(`the audit log ${path} does not go on`);
}

/** Asks until it is answered; a server that has ended, or takes too long, is told with the end of its log. */
async function until(ask: () => Promise<unknown>, server: ChildProcess, log: string): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const answered = await ask().then(
      () => true,
      () => false,
    );
    if (answered) return;
    const ended = server.pid === undefined || server.exitCode !== null || server.signalCode !== null;
    if (ended || performance.now() > deadline) {
      const lines = (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-15);
      throw new Error(
        `${server.spawnfile} ${ended ? 'ended' : 'is not ready'}; its log ends with\n${lines.join('\n')}`,
      );
    }
    await sleep(50);
  }
}
