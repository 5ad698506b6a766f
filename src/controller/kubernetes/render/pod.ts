import type { Pipeline } from '../../../api/index.ts';
import type { PoolName } from '../../../queue/names.ts';
import type { Json } from '../../../run/key.ts';
import { urlOf } from '../../../run/specs.ts';
import type { WorkerConfig } from '../../../workers/config.ts';
import { secretsOf } from '../../secretRefs.ts';
import type { Installation } from '../installation.ts';
import { childName, healthPort, podPaths } from '../names.ts';
import { lakeAccess } from './lake.ts';
import type { PoolSettings } from './pools.ts';
import { secretVolume } from './secrets.ts';
import { hasWarehouseFile } from './warehouse.ts';

/** A pool of a Pipeline, with all that its objects are made from. */
export interface RenderedPool {
  readonly pipeline: Pipeline;
  readonly installation: Installation;
  readonly pool: PoolName;
  readonly settings: PoolSettings;
  /** Labels of everything that is made for the pool. */
  readonly labels: Readonly<Record<string, string>>;
  readonly selector: Readonly<{ matchLabels: Readonly<Record<string, string>> }>;
}

/** Seconds beyond the grace time for what a worker does after its last step: give back jobs, close the warehouse. */
const closingSeconds = 15;

/**
 * The pod of a worker. What steps are to do is not in it: they read that from the lake, so that a changed rule
 * restarts nothing. Nor is a version: only what a pod is made of may restart it.
 */
export function podTemplate(from: RenderedPool): Json {
  const { pipeline, installation, pool, settings, labels, selector } = from;
  const { pod, image } = installation;
  const nodeSelector = { ...pod.nodeSelector, ...settings.nodeSelector };
  const tolerations = [...(pod.tolerations ?? []), ...(settings.tolerations ?? [])];
  const priorityClassName = settings.priorityClassName ?? pod.priorityClassName;
  const annotations = { ...pod.annotations, ...settings.podAnnotations };
  return {
    metadata: {
      labels: { ...settings.podLabels, ...labels },
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    spec: {
      serviceAccountName: childName(pipeline.metadata.name, pool),
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: pod.graceSeconds + closingSeconds,
      securityContext: {
        ...pod.security,
        ...(pod.security.fsGroup !== undefined && { fsGroupChangePolicy: 'OnRootMismatch' }),
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      ...(image.pullSecrets.length > 0 && { imagePullSecrets: image.pullSecrets.map((name) => ({ name })) }),
      ...(Object.keys(nodeSelector).length > 0 && { nodeSelector }),
      ...(tolerations.length > 0 && { tolerations }),
      ...(priorityClassName !== undefined && { priorityClassName }),
      ...(pool !== 'warehouse' && { topologySpreadConstraints: [overNodes(selector)] }),
      containers: [container(from)],
      volumes: volumes(from),
    },
  };
}

/** Pods of a pool are on different nodes where that is possible. */
const overNodes = (selector: Json): Json => ({
  maxSkew: 1,
  topologyKey: 'kubernetes.io/hostname',
  whenUnsatisfiable: 'ScheduleAnyway',
  labelSelector: selector,
});

function container(from: RenderedPool): Json {
  const { installation, settings } = from;
  return {
    name: 'worker',
    image: installation.image.name,
    imagePullPolicy: installation.image.pullPolicy,
    args: ['worker'],
    env: environment(from),
    ports: [{ name: healthPort.name, containerPort: healthPort.number, protocol: 'TCP' }],
    resources: settings.resources,
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    ...probes,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: mounts(from),
  };
}

/**
 * A worker has a minute to start, and another whenever Redis is away or its processor is taken: steps may be long, and
 * a restart helps only against a process that is stuck.
 */
const probes = {
  startupProbe: { httpGet: { path: '/livez', port: healthPort.name }, periodSeconds: 1, failureThreshold: 60 },
  livenessProbe: {
    httpGet: { path: '/livez', port: healthPort.name },
    periodSeconds: 15,
    timeoutSeconds: 10,
    failureThreshold: 4,
  },
  readinessProbe: { httpGet: { path: '/readyz', port: healthPort.name }, periodSeconds: 5, timeoutSeconds: 5 },
};

function environment({ pipeline, installation, pool, settings }: RenderedPool): Json {
  const { name, namespace = 'default' } = pipeline.metadata;
  const config: WorkerConfig = {
    pool,
    namespace,
    pipelines: [{ name, filesRoot: podPaths.files }],
    redis: { urlFile: `${podPaths.redis}/url` },
    lake: lakeAccess(installation).place,
    ...(urlOf(pipeline) === undefined && { warehouse: `${podPaths.warehouse}/warehouse.duckdb` }),
    scratch: podPaths.scratch,
    secretsDir: podPaths.secrets,
    allowPrivateNetworks: installation.allowPrivateNetworks,
    concurrency: settings.concurrency,
    graceSeconds: installation.pod.graceSeconds,
  };
  return [
    { name: 'JOBPULSE_WORKER', value: JSON.stringify(config) },
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'JOBPULSE_HEALTH_PORT', value: String(healthPort.number) },
    { name: 'LOG_FORMAT', value: 'json' },
    { name: 'LOG_LEVEL', value: installation.pod.logLevel },
    { name: 'HOME', value: podPaths.scratch },
    // DuckDB queries occupy libuv's threads; with more of them, file and DNS work never waits behind a query.
    { name: 'UV_THREADPOOL_SIZE', value: '16' },
  ];
}

function mounts({ pipeline, installation, pool }: RenderedPool): Json {
  return [
    ...lakeAccess(installation).mounts,
    { name: 'redis', mountPath: podPaths.redis, readOnly: true },
    { name: 'scratch', mountPath: podPaths.scratch },
    ...(pool === 'extract' && installation.files ? [{ name: 'files', mountPath: podPaths.files, readOnly: true }] : []),
    ...(hasWarehouseFile(pipeline, pool) ? [{ name: 'warehouse', mountPath: podPaths.warehouse }] : []),
    ...(secretsOf(pipeline, pool).length > 0 ? [{ name: 'secrets', mountPath: podPaths.secrets, readOnly: true }] : []),
  ];
}

function volumes({ pipeline, installation, pool }: RenderedPool): Json {
  const { files, redis, pod } = installation;
  const { name, key } = redis.secret;
  const secrets = secretsOf(pipeline, pool);
  return [
    ...lakeAccess(installation).volumes,
    { name: 'redis', secret: { secretName: name, items: [{ key, path: 'url' }] } },
    { name: 'scratch', emptyDir: { sizeLimit: pod.scratch } },
    ...(pool === 'extract' && files
      ? [{ name: 'files', persistentVolumeClaim: { claimName: files.claimName, readOnly: true } }]
      : []),
    ...(secrets.length > 0 ? [secretVolume(secrets)] : []),
  ];
}
