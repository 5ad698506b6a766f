/** An alert as Prometheus evaluates it, and as a person reads it. `docs/guide/runbooks.md` has a section for each. */
export interface AlertDeclaration {
  readonly name: string;
  /** `critical`: data is wrong or nothing goes on; `warning`: somebody should look today. */
  readonly severity: 'critical' | 'warning';
  readonly expr: string;
  /** How long it must be so. */
  readonly for: string;
  /** What is so, in one line. */
  readonly summary: string;
  /** What it means and what to do first. */
  readonly description: string;
}

const ofPipeline = '{{ $labels.namespace }}/{{ $labels.pipeline }}';
const byPipeline = 'by (namespace, pipeline)';
const byDataset = 'by (namespace, pipeline, dataset)';

const rowsOfHour = (outcome: string): string =>
  `sum ${byDataset} (increase(jobpulse_rows_total{outcome="${outcome}"}[1h]))`;

const noticedInHour = (reason: string): string =>
  `sum ${byDataset} (increase(jobpulse_notices_total{reason="${reason}"}[1h])) > 0`;

/** All alerts. Each metric and label in them is in `metricList.ts`, and each is tried with `promtool test rules`. */
export const alerts: readonly AlertDeclaration[] = [
  {
    name: 'JobpulseRunFailed',
    severity: 'warning',
    expr: `sum ${byPipeline} (increase(jobpulse_runs_total{result="Failed"}[15m])) > 0`,
    for: '0m',
    summary: `A run of ${ofPipeline} failed`,
    description:
      'See which step failed and why in the status of the run, mend that, and run the pipeline again: what is published is not done again.',
  },
  {
    name: 'JobpulseStale',
    severity: 'warning',
    expr: 'jobpulse_fresh == 0',
    for: '5m',
    summary: `The data of ${ofPipeline} is older than its freshness objective`,
    description: 'See whether runs fail, whether the schedule rests, and whether workers are there.',
  },
  {
    name: 'JobpulseNotConserved',
    severity: 'critical',
    expr: 'jobpulse_conserved == 0',
    for: '1m',
    summary: `What came into ${ofPipeline} is not what came out`,
    description:
      'A ledger does not add up: rows may be missing. Do not trust the newest data; report it as a bug with the run report.',
  },
  {
    name: 'JobpulseBacklogStuck',
    severity: 'warning',
    expr: `sum ${byPipeline} (jobpulse_backlog) > 0 unless sum ${byPipeline} (increase(jobpulse_step_seconds_count[30m])) > 0`,
    for: '30m',
    summary: `Steps of ${ofPipeline} wait, and none has been published for half an hour`,
    description:
      'See whether workers are there and what the steps wait for: a source that throttles, a lease, a full disk.',
  },
  {
    name: 'JobpulseWorkersMissing',
    severity: 'warning',
    expr: 'jobpulse_replicas{kind="desired"} - ignoring (kind) jobpulse_replicas{kind="ready"} > 0',
    for: '15m',
    summary: `Pool {{ $labels.pool }} of ${ofPipeline} lacks {{ $value }} workers`,
    description: 'The condition WorkersReady of the pipeline says why they do not start.',
  },
  {
    name: 'JobpulseRejectRate',
    severity: 'warning',
    // Of a handful of rows one is many percent.
    expr: `${rowsOfHour('rejected')} / ${rowsOfHour('read')} > 0.1 and ${rowsOfHour('rejected')} >= 10`,
    for: '0m',
    summary: `{{ $value | humanizePercentage }} of the rows of ${ofPipeline}, dataset {{ $labels.dataset }}, went to quarantine`,
    description:
      'See which rule rejects them: the source may have changed its form. Mend the rule; rows are cleaned again from raw.',
  },
  {
    name: 'JobpulseBudgetSpent',
    severity: 'warning',
    expr: `max ${byDataset} (jobpulse_deferred_items) > 0`,
    for: '0m',
    summary: `{{ $value }} items of ${ofPipeline}, dataset {{ $labels.dataset }}, wait for credits`,
    description:
      'The credits of the period are spent; the next run with budget collects what is left. If that never catches up, raise the budget or ask for less.',
  },
  {
    name: 'JobpulseSchemaDrift',
    severity: 'warning',
    expr: noticedInHour('SchemaDrift'),
    for: '0m',
    summary: `The source of ${ofPipeline}, dataset {{ $labels.dataset }}, has other columns than the manifest declares`,
    description:
      'Columns that no column takes are left out, and lost ones are null. The report of the run names them; declare them, or mend their headers.',
  },
  {
    name: 'JobpulseSnapshotShrank',
    severity: 'warning',
    expr: noticedInHour('SnapshotShrank'),
    for: '0m',
    summary: `Far fewer rows of ${ofPipeline}, dataset {{ $labels.dataset }}, came than are loaded`,
    description:
      'Nothing was marked as removed, because more vanished than load.maxMissingPercent allows. See whether the source is ill or the search narrower; if it is right, raise that limit for one run.',
  },
  {
    name: 'JobpulseReconcileErrors',
    severity: 'warning',
    // A key that fails again and again is tried once a minute: one is enough.
    expr: 'sum by (controller) (rate(jobpulse_reconcile_total{result="error"}[10m])) > 0.01',
    for: '15m',
    summary: 'Reconciles of {{ $labels.controller }} fail again and again',
    description:
      'The log of the controller names the resource and the error, most often a right that is missing or an API server that is away.',
  },
  {
    name: 'JobpulseReconcileRunaway',
    severity: 'warning',
    expr: 'sum by (controller) (rate(jobpulse_reconcile_total[5m])) > 5',
    for: '10m',
    summary: '{{ $labels.controller }} reconciles {{ $value | humanize }} times a second',
    description:
      'Something makes it look again without end: often two writers that take turns on one field. See who writes to the resources.',
  },
  {
    name: 'JobpulseSteadyStateWrites',
    severity: 'warning',
    expr: 'sum by (controller) (increase(jobpulse_steady_state_writes_total[1h])) > 20',
    for: '30m',
    summary: '{{ $labels.controller }} writes although nothing has changed',
    description:
      'Each resync writes again: a field is not stable, or somebody else sets it back. Compare two versions of a resource.',
  },
  {
    name: 'JobpulseNoLeader',
    severity: 'critical',
    expr: 'sum(jobpulse_leader) == 0',
    for: '2m',
    summary: 'Controllers run, and none of them leads',
    description: 'Nothing is reconciled. See the Lease and whether the controllers may write it.',
  },
  {
    name: 'JobpulseTwoLeaders',
    severity: 'critical',
    expr: 'sum by (namespace) (jobpulse_leader) > 1',
    for: '2m',
    summary: '{{ $value }} controllers lead at the same time',
    description:
      'Writes are fenced, so that nothing takes effect twice; yet one should have stopped. Check the clocks, then restart the older one.',
  },
  {
    name: 'JobpulseLoopLag',
    severity: 'warning',
    expr: 'jobpulse_loop_lag_seconds{quantile="0.99"} > 0.5',
    for: '10m',
    summary: 'The controller comes round {{ $value | humanizeDuration }} late',
    description: 'It has too much to do or too little processor, and may lose its lease. Give it more CPU.',
  },
  {
    name: 'JobpulseControllerDown',
    severity: 'critical',
    expr: 'absent(jobpulse_leader)',
    for: '5m',
    summary: 'No controller is scraped',
    description:
      'Nothing is scheduled or scaled; what is under way goes on. See whether its pods run and whether Prometheus may reach them.',
  },
];
