import { parse } from 'yaml';
import { crdOf, kinds } from '../../src/api/generate/crd.ts';
import { alertRules } from '../../src/observability/alertRules.ts';
import {
  isGiven,
  lakeClaimOf,
  type Manifest,
  metadataOf,
  namespacesOf,
  type Settings,
  selectorOf,
} from './settings.ts';

/** The definitions of our kinds. */
export const definitions = ({ values }: Settings): readonly Manifest[] =>
  values.crds.enabled ? kinds.map((kind) => crdOf(kind) as Manifest) : [];

/** A claim for the lake in each namespace, unless the lake is in a bucket or somebody else makes them. */
export function claims(settings: Settings): readonly Manifest[] {
  const { s3, filesystem } = settings.values.lake;
  if (isGiven(s3) || filesystem.existingClaim !== '') return [];
  const { accessMode, storageClassName, size } = filesystem;
  return namespacesOf(settings).map((namespace) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...metadataOf(settings), name: lakeClaimOf(settings), namespace },
    spec: {
      accessModes: [accessMode],
      ...(storageClassName !== '' && { storageClassName }),
      resources: { requests: { storage: size } },
    },
  }));
}

/** What the Prometheus operator is told. */
export function monitoring(settings: Settings): readonly Manifest[] {
  const { podMonitor, rules } = settings.values.metrics;
  const apiVersion = 'monitoring.coreos.com/v1';
  const metadata = (labels: object) => {
    const own = metadataOf(settings);
    return { ...own, labels: { ...own.labels, ...(labels as Readonly<Record<string, string>>) } };
  };
  // `namespace` is that of the Pipeline, not of the controller.
  const endpoint = { port: 'metrics', path: '/metrics', honorLabels: true };
  const spec = { selector: { matchLabels: selectorOf(settings, 'controller') }, podMetricsEndpoints: [endpoint] };
  return [
    ...(podMonitor.enabled ? [{ apiVersion, kind: 'PodMonitor', metadata: metadata(podMonitor.labels), spec }] : []),
    ...(rules.enabled
      ? [{ apiVersion, kind: 'PrometheusRule', metadata: metadata(rules.labels), spec: parse(alertRules()) as object }]
      : []),
  ];
}
