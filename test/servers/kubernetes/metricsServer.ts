import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { findGoProgram } from '../goPrograms.ts';
import type { ControlPlane } from './controlPlane.ts';
import { serverPort } from './ports.ts';
import type { Processes } from './processes.ts';

export interface MetricsServerOptions {
  readonly plane: ControlPlane;
  /** An address of this host that the API server reaches, and that reaches the kubelets. */
  readonly address: string;
  readonly processes: Processes;
  /** For its log and its certificate. */
  readonly folder: string;
}

/** What the API server calls it, and it calls itself. */
const user = 'system:metrics-server';
/** Generous: the first measurements are there after two looks at the kubelets. */
const readyWithinMs = 180_000;

/** Starts the real metrics-server on this host, as an extension of the API server; settles when it tells of nodes. */
export async function startMetricsServer({ plane, address, processes, folder }: MetricsServerOptions): Promise<void> {
  const program = findGoProgram('metrics-server');
  if (program === undefined) throw new Error('no metrics-server on this machine: `npm run build:tools` builds it');
  const [port, kubeconfig] = await Promise.all([serverPort(), plane.kubeconfigFor({ user })]);
  await apply(plane, registration(address, port));
  const log = `${folder}/metrics-server.log`;
  const server = processes.start({
    program,
    args: [
      ...['kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (name) => `--${name}=${kubeconfig}`,
      ),
      ...[`--bind-address=${address}`, `--secure-port=${port}`, `--cert-dir=${folder}/metrics-server-certificate`],
      // Kubelets sign their own certificates.
      ...['--kubelet-insecure-tls', '--kubelet-preferred-address-types=InternalIP'],
      // As often as it may look.
      ...['--metric-resolution=10s', '--kubelet-request-timeout=5s'],
    ],
    output: log,
  });
  const deadline = performance.now() + readyWithinMs;
  for (;;) {
    const { code, stderr } = await plane.kubectl(['top', 'nodes']);
    if (code === 0) return;
    if (server.exitCode !== null) throw new Error(`metrics-server ended:\n${await logEnd(log)}`);
    if (performance.now() > deadline) throw new Error(`metrics-server tells nothing: ${stderr}\n${await logEnd(log)}`);
    await sleep(500);
  }
}

const logEnd = async (log: string): Promise<string> =>
  (await readFile(log, 'utf8')).trimEnd().split('\n').slice(-15).join('\n');

async function apply(plane: ControlPlane, items: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input });
  if (code !== 0) throw new Error(`metrics-server cannot be registered: ${stderr}`);
}

/** Its rights, and where it is: a Service whose endpoint is this host. */
function registration(address: string, port: number): readonly object[] {
  const namespace = 'kube-system';
  const service = { name: 'metrics-server', namespace };
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' };
  const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }];
  const role = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  return [
    {
      ...rbac,
      kind: 'ClusterRole',
      metadata: { name: user },
      rules: [
        { apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] },
        { apiGroups: [''], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] },
      ],
    },
    ...[user, 'system:auth-delegator'].map((name) => ({
      ...rbac,
      kind: 'ClusterRoleBinding',
      metadata: { name: `metrics-server:${name}` },
      roleRef: role('ClusterRole', name),
      subjects,
    })),
    {
      ...rbac,
      kind: 'RoleBinding',
      metadata: { name: 'metrics-server:reader', namespace },
      roleRef: role('Role', 'extension-apiserver-authentication-reader'),
      subjects,
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: service,
      spec: { ports: [{ name: 'https', port: 443, targetPort: port }] },
    },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { ...service, labels: { 'kubernetes.io/service-name': service.name } },
      addressType: 'IPv4',
      ports: [{ name: 'https', port, protocol: 'TCP' }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    },
    {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1beta1.metrics.k8s.io' },
      spec: {
        ...{ group: 'metrics.k8s.io', version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 100 },
        ...{ insecureSkipTLSVerify: true, service: { ...service, port: 443 } },
      },
    },
  ];
}
