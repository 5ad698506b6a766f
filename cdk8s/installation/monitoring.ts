import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { alertRules } from '../../src/observability/alertRules.ts';
import {
  chartFolder,
  isGiven,
  type Manifest,
  metadataOf,
  namespacesOf,
  type Settings,
  selectorOf,
} from './settings.ts';

const apiVersion = 'monitoring.coreos.com/v1';

/** What the Prometheus operator and Grafana are told. */
export function monitoring(settings: Settings): readonly Manifest[] {
  const { podMonitor, rules, dashboards } = settings.values.metrics;
  return [
    ...(podMonitor.enabled ? [controllersMonitor(settings)] : []),
    ...(podMonitor.enabled && podMonitor.workers ? [workersMonitor(settings)] : []),
    ...(rules.enabled ? [alerts(settings)] : []),
    ...(dashboards.enabled ? [dashboardsMap(settings)] : []),
  ];
}

/** Metadata with labels by which those who look for it know it. */
function metadata(settings: Settings, labels: object, suffix = ''): Manifest['metadata'] {
  const own = metadataOf(settings, undefined, suffix);
  return { ...own, labels: { ...own.labels, ...(labels as Readonly<Record<string, string>>) } };
}

/** `namespace` is that of the Pipeline, not of the controller. */
const podMetricsEndpoints = [{ port: 'metrics', path: '/metrics', honorLabels: true }];

const controllersMonitor = (settings: Settings): Manifest => ({
  apiVersion,
  kind: 'PodMonitor',
  metadata: metadata(settings, settings.values.metrics.podMonitor.labels),
  spec: { selector: { matchLabels: selectorOf(settings, 'controller') }, podMetricsEndpoints },
});

const workersMonitor = (settings: Settings): Manifest => ({
  apiVersion,
  kind: 'PodMonitor',
  metadata: metadata(settings, settings.values.metrics.podMonitor.labels, '-workers'),
  spec: {
    selector: { matchLabels: { 'app.kubernetes.io/name': 'jobpulse-worker' } },
    namespaceSelector: settings.values.watch.all ? { any: true } : { matchNames: namespacesOf(settings) },
    podMetricsEndpoints,
  },
});

const alerts = (settings: Settings): Manifest => ({
  apiVersion,
  kind: 'PrometheusRule',
  metadata: metadata(settings, settings.values.metrics.rules.labels),
  spec: parse(alertRules()) as object,
});

function dashboardsMap(settings: Settings): Manifest {
  const { labels, annotations } = settings.values.metrics.dashboards;
  const folder = join(chartFolder, 'files', 'dashboards');
  const files = readdirSync(folder).map((name) => [
    `jobpulse-${name}`,
    readFileSync(join(folder, name), 'utf8').trimEnd(),
  ]);
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      ...metadata(settings, labels, '-dashboards'),
      ...(isGiven(annotations) && { annotations }),
    } as Manifest['metadata'],
    data: Object.fromEntries(files),
  };
}
