import { createHash, createHmac } from 'node:crypto';
import {
  containerSecurity,
  type Manifest,
  metadataOf,
  namespacesOf,
  podSecurity,
  pullSecretsOf,
  redisImageOf,
  type Settings,
  selectorOf,
} from './settings.ts';

/** Passwords that follow from one secret: the same at each synthesis, and none tells another. */
export const derivedPasswords =
  (seed: string) =>
  (who: string): string =>
    createHmac('sha256', seed).update(`jobpulse redis ${who}`).digest('hex').slice(0, 32);

/** The small server of our own, when there is none of yours. */
export const redisObjects = (settings: Settings): readonly Manifest[] =>
  settings.values.redis.bundled
    ? [
        ownSecret(settings),
        ...namespacesOf(settings)
          .slice(1)
          .map((namespace) => secretOf(settings, namespace)),
        service(settings),
        statefulSet(settings),
        ...(settings.values.networkPolicy.enabled ? [networkPolicy(settings)] : []),
      ]
    : [];

const metadata = (settings: Settings, component?: string) => metadataOf(settings, component, '-redis');

const urlOf = (settings: Settings, user: string, who: string): string =>
  `redis://${user}:${settings.password(who)}@${settings.name}-redis.${settings.namespace}.svc:6379`;

/** A user for each namespace sees its own keys only. */
function ownSecret(settings: Settings): Manifest {
  const { namespace, password } = settings;
  const namespaces = namespacesOf(settings);
  const passwords = ['controller', ...namespaces].map((who) => [`password-${who}`, password(who)]);
  const user = (name: string, who: string, keys: string) => {
    const hash = createHash('sha256').update(password(who)).digest('hex');
    return `user ${name} on #${hash} ~${keys} &${keys} +@all -@dangerous -@admin +info`;
  };
  const users = [
    'user default off',
    user('jobpulse-controller', 'controller', '{jp:*'),
    ...namespaces.map((name) => user(name, name, `{jp:${name}}:*`)),
  ];
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(settings),
    type: 'Opaque',
    stringData: {
      url: urlOf(settings, namespace, namespace),
      'controller-url': urlOf(settings, 'jobpulse-controller', 'controller'),
      ...Object.fromEntries(passwords),
      'users.acl': `${users.join('\n')}\n`,
    },
  };
}

const secretOf = (settings: Settings, namespace: string): Manifest => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { ...metadata(settings), namespace },
  type: 'Opaque',
  stringData: { url: urlOf(settings, namespace, namespace) },
});

const service = (settings: Settings): Manifest => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metadata(settings),
  spec: { selector: selectorOf(settings, 'redis'), ports: [{ name: 'redis', port: 6379, targetPort: 'redis' }] },
});

function statefulSet(settings: Settings): Manifest {
  const { name } = metadata(settings);
  const matchLabels = selectorOf(settings, 'redis');
  const { size, storageClassName } = settings.values.redis;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata(settings, 'redis'),
    spec: {
      replicas: 1,
      serviceName: name,
      selector: { matchLabels },
      template: {
        metadata: { labels: matchLabels },
        spec: {
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: podSecurity,
          ...pullSecretsOf(settings),
          containers: [container(settings)],
          volumes: [{ name: 'users', secret: { secretName: name, items: [{ key: 'users.acl', path: 'users.acl' }] } }],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            ...(storageClassName !== '' && { storageClassName }),
            resources: { requests: { storage: size } },
          },
        },
      ],
    },
  };
}

const container = (settings: Settings): object => ({
  name: 'redis',
  image: redisImageOf(settings),
  // What is in flight survives a restart; nothing is ever thrown out to make room.
  args: [
    ...['--appendonly', 'yes', '--save', '', '--maxmemory-policy', 'noeviction'],
    ...['--dir', '/data', '--aclfile', '/etc/redis/users.acl'],
  ],
  ports: [{ name: 'redis', containerPort: 6379, protocol: 'TCP' }],
  readinessProbe: { tcpSocket: { port: 'redis' }, periodSeconds: 2 },
  livenessProbe: { tcpSocket: { port: 'redis' }, periodSeconds: 15, failureThreshold: 4 },
  resources: settings.values.redis.resources,
  securityContext: containerSecurity,
  volumeMounts: [
    { name: 'data', mountPath: '/data' },
    { name: 'users', mountPath: '/etc/redis', readOnly: true },
  ],
});

const networkPolicy = (settings: Settings): Manifest => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadata(settings),
  spec: {
    podSelector: { matchLabels: selectorOf(settings, 'redis') },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      {
        from: [
          { podSelector: { matchLabels: selectorOf(settings, 'controller') } },
          { namespaceSelector: {}, podSelector: { matchLabels: { 'app.kubernetes.io/name': 'jobpulse-worker' } } },
        ],
        ports: [{ port: 'redis' }],
      },
    ],
  },
});
