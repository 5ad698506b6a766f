import { documentDigest } from './document.ts';
import {
  containerSecurity,
  imageOf,
  isGiven,
  type Manifest,
  metadataOf,
  namespacesOf,
  podSecurity,
  pullSecretsOf,
  redisSecretOf,
  type Settings,
  selectorOf,
} from './settings.ts';

/** The controllers, what keeps one of them through a disruption, and who may talk to them. */
export const controllerObjects = (settings: Settings): readonly Manifest[] => [
  deployment(settings),
  ...(settings.values.controller.podDisruptionBudget && settings.values.controller.replicas > 1
    ? [disruptionBudget(settings)]
    : []),
  ...(settings.values.networkPolicy.enabled ? [networkPolicy(settings)] : []),
];

function deployment(settings: Settings): Manifest {
  const matchLabels = selectorOf(settings, 'controller');
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadataOf(settings, 'controller'),
    spec: {
      replicas: settings.values.controller.replicas,
      revisionHistoryLimit: 2,
      selector: { matchLabels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: { labels: matchLabels, annotations: { 'checksum/installation': documentDigest(settings) } },
        spec: podSpec(settings),
      },
    },
  };
}

function podSpec(settings: Settings): object {
  const { nodeSelector, tolerations, priorityClassName } = settings.values.controller;
  const redis = redisSecretOf(settings);
  const key = settings.values.redis.bundled ? 'controller-url' : redis.key;
  return {
    serviceAccountName: settings.name,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 30,
    securityContext: podSecurity,
    ...pullSecretsOf(settings),
    ...(isGiven(nodeSelector) && { nodeSelector }),
    ...(tolerations.length > 0 && { tolerations }),
    ...(priorityClassName !== '' && { priorityClassName }),
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selectorOf(settings, 'controller') },
      },
    ],
    containers: [container(settings)],
    volumes: [
      { name: 'installation', configMap: { name: settings.name } },
      { name: 'redis', secret: { secretName: redis.name, items: [{ key, path: 'url' }] } },
      { name: 'scratch', emptyDir: { sizeLimit: '64Mi' } },
    ],
  };
}

function container(settings: Settings): object {
  const { image, controller, watch } = settings.values;
  const probe = (path: string) => ({ httpGet: { path, port: 'metrics' } });
  return {
    name: 'controller',
    image: imageOf(settings),
    imagePullPolicy: image.pullPolicy,
    args: [
      'controller',
      '--config=/etc/jobpulse/installation/installation.yaml',
      '--redis-url-file=/etc/jobpulse/redis/url',
      `--lease-namespace=${settings.namespace}`,
      ...(watch.all ? ['--all-namespaces'] : namespacesOf(settings).map((name) => `--namespace=${name}`)),
    ],
    env: [
      { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      { name: 'LOG_FORMAT', value: 'json' },
      { name: 'LOG_LEVEL', value: controller.logLevel },
      { name: 'HOME', value: '/tmp' },
      // It holds much for long: few places to allocate from leave fewer gaps.
      { name: 'MALLOC_ARENA_MAX', value: '2' },
    ],
    ports: [{ name: 'metrics', containerPort: 8080, protocol: 'TCP' }],
    startupProbe: { ...probe('/livez'), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...probe('/livez'), periodSeconds: 15, timeoutSeconds: 5, failureThreshold: 4 },
    readinessProbe: { ...probe('/readyz'), periodSeconds: 5, timeoutSeconds: 3 },
    resources: controller.resources,
    securityContext: containerSecurity,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'installation', mountPath: '/etc/jobpulse/installation', readOnly: true },
      { name: 'redis', mountPath: '/etc/jobpulse/redis', readOnly: true },
      { name: 'scratch', mountPath: '/tmp' },
    ],
  };
}

const disruptionBudget = (settings: Settings): Manifest => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadataOf(settings),
  spec: { minAvailable: 1, selector: { matchLabels: selectorOf(settings, 'controller') } },
});

function networkPolicy(settings: Settings): Manifest {
  const from = settings.values.networkPolicy.metrics;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(settings),
    spec: {
      podSelector: { matchLabels: selectorOf(settings, 'controller') },
      policyTypes: ['Ingress'],
      ingress: [{ ports: [{ port: 'metrics' }], ...(from.length > 0 && { from }) }],
    },
  };
}
