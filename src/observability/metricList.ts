/** Who exposes a metric: the controller, from ledgers or from what it sees, about itself; or each worker. */
export type MetricSource = 'ledgers' | 'pipelines' | 'controller' | 'worker';

/** A metric as it is documented; its full name is `jobpulse_<name>`. */
export interface MetricDeclaration {
  readonly from: MetricSource;
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
const pool = [...pipeline, 'pool'] as const;

const fromLedgers = { from: 'ledgers' } as const;
const fromPipelines = { from: 'pipelines', type: 'gauge' } as const;
const ofController = { from: 'controller' } as const;
const ofWorker = { from: 'worker' } as const;

/** Every metric that is fed; one that is not built yet is not promised. Dashboards, alerts and the reference page are checked against this list. */
export const metrics = [
  {
    ...fromLedgers,
    name: 'rows_total',
    type: 'counter',
    labels: [...dataset, 'outcome'],
    help: 'Rows by what became of them; outcome is read, clean, rejected, filtered, deduplicated, added, modified, unchanged, superseded or marked.',
  },
  {
    ...fromLedgers,
    name: 'rejected_rows_total',
    type: 'counter',
    labels: [...dataset, 'reason'],
    help: 'Rows in quarantine by the rule they broke; reason is <rule>:<column>, or the rule alone where it is about a whole row.',
  },
  {
    ...fromLedgers,
    name: 'requests_total',
    type: 'counter',
    labels: [...dataset, 'outcome'],
    help: 'Requests to the source; outcome published: the step that sent them is published.',
  },
  {
    ...fromLedgers,
    name: 'credits_spent_total',
    type: 'counter',
    labels: dataset,
    help: 'Credits of the source spent.',
  },
  {
    ...fromLedgers,
    name: 'credits_remaining',
    type: 'gauge',
    labels: dataset,
    help: 'Credits that are left, as the source said last.',
  },
  {
    ...fromLedgers,
    name: 'bytes_total',
    type: 'counter',
    labels: [...dataset, 'direction'],
    help: 'Bytes moved; direction in: received from the source.',
  },
  {
    ...fromLedgers,
    name: 'notices_total',
    type: 'counter',
    labels: [...dataset, 'reason'],
    help: 'Things that published steps tell a person although they went well; reason is a word such as SchemaDrift, SnapshotShrank or CheckWarned.',
  },
  {
    ...fromLedgers,
    name: 'step_seconds',
    type: 'histogram',
    labels: step,
    help: 'Time of published steps; stage is extract, clean, load, transform or sweep.',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
  },
  {
    ...fromLedgers,
    name: 'runs_total',
    type: 'counter',
    labels: [...pipeline, 'result', 'trigger'],
    help: 'Finished runs; result is Succeeded, Failed or Cancelled.',
  },
  {
    ...fromLedgers,
    name: 'run_seconds',
    type: 'histogram',
    labels: pipeline,
    help: 'Time of finished runs.',
    buckets: [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 14400],
  },
  {
    ...fromLedgers,
    name: 'last_success_timestamp_seconds',
    type: 'gauge',
    labels: pipeline,
    help: 'When a run last succeeded, in Unix time.',
  },
  { ...fromLedgers, name: 'conserved', type: 'gauge', labels: pipeline, help: '1 while the last run adds up, else 0.' },
  {
    ...fromPipelines,
    name: 'fresh',
    labels: pipeline,
    help: '1 while the newest data is young enough for `freshness`, else 0; absent without that objective.',
  },
  {
    ...fromPipelines,
    name: 'ready',
    labels: pipeline,
    help: '1 while the pipeline does what its manifest wants, else 0.',
  },
  {
    ...fromPipelines,
    name: 'slices_missing',
    labels: dataset,
    help: 'Slices that have ended and that the newest run left to the next; only of datasets with windows.',
  },
  {
    ...fromPipelines,
    name: 'deferred_items',
    labels: dataset,
    help: 'Items that the newest run left to the next, because the credits of the period do not cover them.',
  },
  {
    ...fromPipelines,
    name: 'queue_jobs',
    labels: [...pipeline, 'stage', 'state'],
    help: 'Steps in a queue; state is waiting, active or failed, and where Redis is read for it also prioritized or delayed.',
  },
  {
    ...fromPipelines,
    name: 'queue_oldest_seconds',
    labels: [...pipeline, 'stage'],
    help: 'How long ago the step that is next in a queue was put there; 0 when none waits.',
  },
  {
    ...fromPipelines,
    name: 'backlog',
    labels: pool,
    help: 'Steps that wait or are under way in the queues of a pool: what an HPA or KEDA scales by.',
  },
  {
    ...fromPipelines,
    name: 'replicas',
    labels: [...pool, 'kind'],
    help: 'Workers of a pool; kind is desired, ready, or recommended (what the autoscaler would have, whoever scales). `pipeline` is empty where all pipelines share the pool, as on one machine.',
  },
  {
    ...fromPipelines,
    name: 'scaling_limited',
    labels: [...pool, 'by'],
    help: '1 for each limit that kept the newest decision about a pool from more or fewer workers; by is a reason such as MaxReplicas.',
  },
  {
    ...ofController,
    name: 'reconcile_seconds',
    type: 'histogram',
    labels: ['controller'],
    help: 'Time of reconciles.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  {
    ...ofController,
    name: 'reconcile_total',
    type: 'counter',
    labels: ['controller', 'result'],
    help: 'Reconciles; result is success, error (tried again later) or stopped (the controller was ending).',
  },
  {
    ...ofController,
    name: 'steady_state_writes_total',
    type: 'counter',
    labels: ['controller'],
    help: 'Writes by reconciles that were called for by a resync alone: nothing had changed, so nothing should be written.',
  },
  {
    ...ofController,
    name: 'work_queue_depth',
    type: 'gauge',
    labels: ['controller', 'state'],
    help: 'Keys of a work queue; state is waiting, delayed or active.',
  },
  {
    ...ofController,
    name: 'work_queue_wait_seconds',
    type: 'histogram',
    labels: ['controller'],
    help: 'How long keys waited for their reconcile.',
    buckets: [0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60],
  },
  {
    ...ofController,
    name: 'loop_lag_seconds',
    type: 'gauge',
    labels: ['quantile'],
    help: 'How much later than asked the event loop came round since the scrape before; quantile is 0.5, 0.99 or 1.',
  },
  {
    ...ofController,
    name: 'watch_restarts_total',
    type: 'counter',
    labels: ['kind'],
    help: 'Watches that were begun again because they broke or fell silent.',
  },
  {
    ...ofController,
    name: 'leader',
    type: 'gauge',
    labels: [],
    help: '1 in the controller that leads its installation, 0 in those that stand by.',
  },
  {
    ...ofController,
    name: 'api_requests_total',
    type: 'counter',
    labels: ['verb', 'code'],
    help: 'Calls of the Kubernetes API by HTTP status; code is none when no answer came.',
  },
  {
    ...ofController,
    name: 'events_dropped_total',
    type: 'counter',
    labels: [],
    help: 'Events about resources that could not be written, or were too many.',
  },
  {
    ...ofWorker,
    name: 'worker_busy',
    type: 'gauge',
    labels: ['namespace', 'pool'],
    help: 'Steps that this worker has under way.',
  },
  {
    ...ofWorker,
    name: 'worker_steps_total',
    type: 'counter',
    labels: [...pipeline, 'stage', 'result'],
    help: 'Steps and plans that this worker ended; result is published, alreadyPublished, returned (another worker has it, or it is tried again later) or failed.',
  },
  {
    ...ofWorker,
    name: 'retries_total',
    type: 'counter',
    labels: [...pipeline, 'stage', 'class'],
    help: 'Steps that go back to the queue; class is transient or throttled.',
  },
  {
    ...ofWorker,
    name: 'lease_wait_seconds',
    type: 'histogram',
    labels: ['namespace'],
    help: 'Time to be given the lease of a step, or to be told that another worker has it.',
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
  },
  {
    from: 'controller',
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
