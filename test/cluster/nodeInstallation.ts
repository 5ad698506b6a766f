import { stringify } from 'yaml';
import { controllerRules, leaseRules } from '../../src/controller/kubernetes/permissions.ts';

/** What a test installs on a real node by hand, in the fewest words, where its Redis is on this machine. */
export interface NodeInstallation {
  readonly namespace: string;
  /** The name of the image, which the node has. */
  readonly image: string;
  readonly redis: { readonly url: string; readonly port: number };
}

export function installationManifests({ namespace, image, redis }: NodeInstallation): readonly object[] {
  const metadata = { name: 'jobpulse', namespace };
  const document = {
    id: 'harbour',
    image: { name: image, pullPolicy: 'Never' },
    redis: { secret: { name: 'jobpulse-redis' } },
    lake: { filesystem: { claimName: 'jobpulse-lake' } },
    networkPolicy: { redis: { to: [], ports: [redis.port] } },
    allowPrivateNetworks: true,
  };
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'jobpulse-redis', namespace },
      stringData: { url: redis.url },
    },
    claim(namespace, 'jobpulse-lake'),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { 'installation.yaml': stringify(document) },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata,
      rules: [...controllerRules, ...leaseRules('jobpulse-harbour')],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'jobpulse' },
      subjects: [{ kind: 'ServiceAccount', name: 'jobpulse', namespace }],
    },
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: controller(image) },
  ];
}

const claim = (namespace: string, name: string): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace },
  spec: { accessModes: ['ReadWriteMany'], resources: { requests: { storage: '1Gi' } } },
});

const controller = (image: string): object => ({
  replicas: 1,
  selector: { matchLabels: { app: 'jobpulse' } },
  template: {
    metadata: { labels: { app: 'jobpulse', 'app.kubernetes.io/name': 'jobpulse' } },
    spec: {
      serviceAccountName: 'jobpulse',
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'controller',
          image,
          imagePullPolicy: 'Never',
          args: [
            ...['controller', '--config=/etc/jobpulse/installation.yaml', '--redis-url-file=/etc/jobpulse/redis/url'],
            // There is one: on a machine that has much else to do it keeps the lead through calls that take long.
            '--lease-seconds=60',
          ],
          env: [
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'LOG_FORMAT', value: 'json' },
            // As the launcher and the chart start it.
            { name: 'MALLOC_ARENA_MAX', value: '2' },
          ],
          ports: [{ name: 'metrics', containerPort: 8080 }],
          startupProbe: { httpGet: { path: '/livez', port: 'metrics' }, periodSeconds: 1, failureThreshold: 60 },
          readinessProbe: { httpGet: { path: '/readyz', port: 'metrics' }, periodSeconds: 1 },
          resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          volumeMounts: [
            { name: 'installation', mountPath: '/etc/jobpulse/installation.yaml', subPath: 'installation.yaml' },
            { name: 'redis', mountPath: '/etc/jobpulse/redis' },
          ],
        },
      ],
      volumes: [
        { name: 'installation', configMap: { name: 'jobpulse' } },
        { name: 'redis', secret: { secretName: 'jobpulse-redis' } },
      ],
    },
  },
});
