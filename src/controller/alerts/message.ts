import type { AlertKind } from '../../api/side.ts';
import type { Alert, AlertGroup } from './decide.ts';

/** Text by name. */
type Texts = Readonly<Record<string, string>>;

/** What Alertmanager posts to a webhook, version 4: whoever takes its messages takes ours. */
export interface AlertMessage {
  readonly version: '4';
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  /** The same for all messages about the same. */
  readonly groupKey: string;
  readonly truncatedAlerts: number;
  readonly groupLabels: Texts;
  readonly commonLabels: Texts;
  readonly commonAnnotations: Texts;
  readonly externalURL: string;
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Texts;
    readonly annotations: Texts;
    readonly startsAt: string;
    readonly endsAt: string;
    readonly generatorURL: string;
    readonly fingerprint: string;
  }[];
}

/** Name and severity are those of the Prometheus alert about the same, so that one route serves both worlds. */
export const alertWords: Readonly<Record<AlertKind, { readonly severity: string; readonly summary: string }>> = {
  RunFailed: { severity: 'warning', summary: 'A run failed' },
  Stale: { severity: 'warning', summary: 'The data is older than its freshness objective' },
  BudgetSpent: { severity: 'warning', summary: 'The credits of the period are spent' },
  RejectRate: { severity: 'warning', summary: 'Many rows went to quarantine' },
  SchemaDrift: { severity: 'warning', summary: 'The source has other columns than the manifest declares' },
  SnapshotShrank: { severity: 'warning', summary: 'Far fewer rows came than are loaded' },
  NotConserved: { severity: 'critical', summary: 'What came in is not what came out' },
};

/** How Alertmanager writes that an alert has no end yet. */
const noEnd = '0001-01-01T00:00:00Z';

/** Renders what a receiver is told about a group. */
export function alertMessage(group: AlertGroup, namespace: string): AlertMessage {
  const { pipeline, receiver, kind } = group;
  const groupLabels = { alertname: `Jobpulse${kind}`, namespace, pipeline };
  const alerts = group.alerts.map((alert) => rendered(alert, group, groupLabels));
  return {
    ...{ version: '4', receiver, groupLabels, alerts },
    status: alerts.some(({ status }) => status === 'firing') ? 'firing' : 'resolved',
    groupKey: `{}:${labelText(groupLabels)}`,
    truncatedAlerts: 0,
    commonLabels: common(alerts.map(({ labels }) => labels)),
    commonAnnotations: common(alerts.map(({ annotations }) => annotations)),
    externalURL: '',
  };
}

function rendered(alert: Alert, { pipeline, kind }: AlertGroup, groupLabels: Texts): AlertMessage['alerts'][number] {
  const { dataset, run, message, startsAt, endsAt } = alert;
  const { severity, summary } = alertWords[kind];
  const labels = { ...groupLabels, severity, ...(dataset === undefined ? {} : { dataset }) };
  const about = dataset === undefined ? pipeline : `${pipeline}/${dataset}`;
  return {
    status: endsAt === undefined ? 'firing' : 'resolved',
    labels,
    annotations: { summary: `${about}: ${summary}`, description: message, ...(run === undefined ? {} : { run }) },
    ...{ startsAt, endsAt: endsAt ?? noEnd, generatorURL: '', fingerprint: fingerprint(labels) },
  };
}

/** `{alertname="JobpulseStale", namespace="default"}`. */
const labelText = (labels: Texts): string =>
  `{${sorted(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')}}`;

const sorted = (labels: Texts): [string, string][] => Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** What all have alike. */
const common = ([first = {}, ...others]: readonly Texts[]): Texts =>
  Object.fromEntries(Object.entries(first).filter(([name, value]) => others.every((each) => each[name] === value)));

/** Names an alert by its labels as Alertmanager does: FNV-1a of 64 bits, with 0xff after each name and value. */
export function fingerprint(labels: Texts): string {
  const bytes = sorted(labels).flatMap((pair) => pair.flatMap((text) => [...Buffer.from(text), 0xff]));
  const hash = bytes.reduce(
    (sum, byte) => BigInt.asUintN(64, (sum ^ BigInt(byte)) * 0x100000001b3n),
    0xcbf29ce484222325n,
  );
  return hash.toString(16).padStart(16, '0');
}
