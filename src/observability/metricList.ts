/** A metric as it is documented; its full name is `jobpulse_<name>`. */
export interface MetricDeclaration {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Bounded words only: never an id of a run, a step or a row, never a URL. */
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram, in seconds. */
  readonly buckets?: readonly number[];
}

const pipeline = ['namespace', 'pipeline'] as const;
const dataset = [...pipeline, 'dataset'] as const;
const step = [...dataset, 'stage'] as const;

/** Every metric there is. Dashboards, alerts and the reference page are checked against this list. */
export const metrics = [
  {
    name: 'rows_total',
    type: 'counter',
    labels: [...dataset, 'outcome'],
    help: 'Rows by what became of them; outcome is read, clean, rejected, filtered, deduplicated, added, modified, unchanged, superseded or marked.',
  },
  {
    name: 'rejected_rows_total',
    type: 'counter',
    labels: [...dataset, 'reason'],
    help: 'Rows in quarantine by the rule they broke; reason is <rule>:<column>.',
  },
  {
    name: 'requests_total',
    type: 'counter',
    labels: [...dataset, 'outcome'],
    help: 'Requests to the source; outcome published: the step that sent them is published.',
  },
  { name: 'credits_spent_total', type: 'counter', labels: dataset, help: 'Credits of the source spent.' },
  { name: 'credits_remaining', type: 'gauge', labels: dataset, help: 'Credits of the source left in this period.' },
  {
    name: 'bytes_total',
    type: 'counter',
    labels: [...dataset, 'direction'],
    help: 'Bytes moved; direction in: received from the source.',
  },
  {
    name: 'step_seconds',
    type: 'histogram',
    labels: step,
    help: 'Time of published steps.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  },
  {
    name: 'runs_total',
    type: 'counter',
    labels: [...pipeline, 'result', 'trigger'],
    help: 'Finished runs; result is Succeeded, Failed or Cancelled.',
  },
  {
    name: 'run_seconds',
    type: 'histogram',
    labels: pipeline,
    help: 'Time of finished runs.',
    buckets: [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 14400],
  },
  {
    name: 'last_success_timestamp_seconds',
    type: 'gauge',
    labels: pipeline,
    help: 'When a run last succeeded, in Unix time.',
  },
  { name: 'fresh', type: 'gauge', labels: pipeline, help: '1 while the data is younger than its objective, else 0.' },
  { name: 'conserved', type: 'gauge', labels: pipeline, help: '1 while the last run adds up, else 0.' },
  { name: 'slices_missing', type: 'gauge', labels: dataset, help: 'Slices that are wanted and not published.' },
  {
    name: 'queue_jobs',
    type: 'gauge',
    labels: [...pipeline, 'stage', 'state'],
    help: 'Jobs in a queue; state is waiting, prioritized, active, delayed or failed.',
  },
  {
    name: 'queue_oldest_seconds',
    type: 'gauge',
    labels: [...pipeline, 'stage'],
    help: 'Age of the oldest waiting job.',
  },
  {
    name: 'reconcile_seconds',
    type: 'histogram',
    labels: [],
    help: 'Time of one reconcile.',
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
  },
  { name: 'reconcile_total', type: 'counter', labels: ['result'], help: 'Reconciles; result is ok or error.' },
  {
    name: 'build_info',
    type: 'gauge',
    labels: ['version', 'node'],
    help: 'Always 1; the labels tell what is running.',
  },
] as const satisfies readonly MetricDeclaration[];

type Declared = (typeof metrics)[number];

/** Names of the metrics of one type. */
export type MetricName<Type extends MetricDeclaration['type']> = Extract<Declared, { type: Type }>['name'];

/** The labels that a value of a metric must carry. */
export type MetricLabels<Name extends Declared['name']> = Readonly<
  Record<Extract<Declared, { name: Name }>['labels'][number], string>
>;
