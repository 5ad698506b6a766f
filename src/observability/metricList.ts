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

/** Every metric that is fed; one that is not built yet is not promised. Dashboards, alerts and the reference page are checked against this list. */
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
  { name: 'conserved', type: 'gauge', labels: pipeline, help: '1 while the last run adds up, else 0.' },
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
