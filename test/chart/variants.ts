import { parse } from 'yaml';
import type { Values } from '../../cdk8s/imports/values.ts';

/** Combinations of values, each as it would be given with --set. */
export const variants: Readonly<Record<string, readonly string[]>> = {
  'as it comes': [],
  'all namespaces': ['watch.all=true'],
  'several namespaces': ['watch.namespaces={jobs,fairs}'],
  'a Redis and claims of yours': [
    ...['redis.bundled=false', 'redis.existingSecret.name=my-redis', 'redis.existingSecret.key=address'],
    ...['lake.filesystem.existingClaim=my-lake', 'files.existingClaim=my-files'],
  ],
  'a mirror, one controller, no policies': [
    ...['image.registry=mirror.example', 'image.tag=1.2.3', 'image.pullSecrets={mirror}'],
    ...['controller.replicas=1', 'networkPolicy.enabled=false', 'rbac.aggregate=false'],
  ],
  'a lake in a bucket': [
    ...['lake.s3.bucket=jobs', 'lake.s3.endpoint=https://s3.example', 'lake.s3.secret.name=bucket'],
  ],
  'tables in PostgreSQL': [
    ...[
      'warehouse.postgres.secret.name=postgres',
      'warehouse.postgres.ca.name=authority',
      'networkPolicy.warehouse.ports={6432}',
    ],
  ],
  'workers of another size': [
    ...['workers.pools.clean.maxReplicas=9', 'workers.pod.graceSeconds=30', 'watch.selector=team=quay'],
    ...['warehouse.storageClassName=fast', 'allowPrivateNetworks=true'],
  ],
};

/** One that needs the kinds of the Prometheus operator. */
export const monitored: readonly string[] = [
  ...['metrics.podMonitor.enabled=true', 'metrics.podMonitor.labels.release=prom'],
  ...['metrics.rules.enabled=true', 'metrics.rules.labels.release=prom'],
  ...['metrics.dashboards.enabled=true', 'metrics.dashboards.annotations.grafana_folder=Jobpulse'],
];

/** What `--set` means, as an object. */
export function valuesOf(set: readonly string[]): Values {
  const values: Record<string, unknown> = {};
  for (const each of set) {
    const [path = '', ...rest] = each.split('=');
    const names = path.split('.');
    const last = names.pop() ?? '';
    let at = values;
    for (const name of names) {
      at[name] ??= {};
      at = at[name] as Record<string, unknown>;
    }
    const text = rest.join('=');
    at[last] = /^\{.*\}$/.test(text) ? text.slice(1, -1).split(',').map(scalar) : scalar(text);
  }
  return values;
}

const scalar = (text: string): unknown => (/^(true|false|\d+)$/.test(text) ? parse(text) : text);
