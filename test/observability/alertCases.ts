/** Series of a situation in promtool's notation, one sample a minute, and what an alert says of it after some time. */
export interface AlertCase {
  readonly about: string;
  readonly series: Readonly<Record<string, string>>;
  readonly after: string;
  /** Label values and summary of each alert that fires; none: it is quiet. */
  readonly fires: readonly { readonly labels: Readonly<Record<string, string>>; readonly summary: string }[];
}

const of = 'namespace="jobs",pipeline="usajobs"';
const labels = { namespace: 'jobs', pipeline: 'usajobs' };

/** For each alert at least one situation in which it fires and one, as like it as can be, in which it does not. */
export const alertCases: Readonly<Record<string, readonly AlertCase[]>> = {
  JobpulseRunFailed: [
    {
      about: 'a first failure, of a counter that was at zero',
      series: { [`jobpulse_runs_total{${of},result="Failed",trigger="Schedule"}`]: '0x10 1x5' },
      after: '12m',
      fires: [{ labels, summary: 'A run of jobs/usajobs failed' }],
    },
    {
      about: 'runs that succeed, and a failure of long ago',
      series: {
        [`jobpulse_runs_total{${of},result="Succeeded",trigger="Schedule"}`]: '0+1x60',
        [`jobpulse_runs_total{${of},result="Failed",trigger="Schedule"}`]: '0x10 1x50',
      },
      ...{ after: '40m', fires: [] },
    },
  ],
  JobpulseStale: [
    {
      about: 'stale data',
      series: { [`jobpulse_fresh{${of}}`]: '1x5 0x20' },
      after: '15m',
      fires: [{ labels, summary: 'The data of jobs/usajobs is older than its freshness objective' }],
    },
    { about: 'stale for a moment', series: { [`jobpulse_fresh{${of}}`]: '1x2 0x20' }, after: '5m', fires: [] },
  ],
  JobpulseNotConserved: [
    {
      about: 'a ledger that does not add up',
      series: { [`jobpulse_conserved{${of}}`]: '1x2 0x8' },
      after: '8m',
      fires: [{ labels, summary: 'What came into jobs/usajobs is not what came out' }],
    },
    { about: 'one that does', series: { [`jobpulse_conserved{${of}}`]: '1x10' }, after: '8m', fires: [] },
  ],
  JobpulseBacklogStuck: [
    {
      about: 'steps that wait while none is published',
      series: {
        [`jobpulse_backlog{${of},pool="clean"}`]: '3x90',
        [`jobpulse_step_seconds_count{${of},dataset="postings",stage="clean"}`]: '7x90',
      },
      after: '70m',
      fires: [{ labels, summary: 'Steps of jobs/usajobs wait, and none has been published for half an hour' }],
    },
    {
      about: 'steps that wait before the first was ever published',
      series: { [`jobpulse_backlog{${of},pool="clean"}`]: '3x90' },
      after: '70m',
      fires: [{ labels, summary: 'Steps of jobs/usajobs wait, and none has been published for half an hour' }],
    },
    {
      about: 'a long queue that gets on',
      series: {
        [`jobpulse_backlog{${of},pool="clean"}`]: '900x90',
        [`jobpulse_step_seconds_count{${of},dataset="postings",stage="clean"}`]: '7+1x90',
      },
      ...{ after: '70m', fires: [] },
    },
    { about: 'an empty queue', series: { [`jobpulse_backlog{${of},pool="clean"}`]: '0x90' }, after: '70m', fires: [] },
  ],
  JobpulseWorkersMissing: [
    {
      about: 'two of three that do not come',
      series: {
        [`jobpulse_replicas{${of},pool="clean",kind="desired"}`]: '3x30',
        [`jobpulse_replicas{${of},pool="clean",kind="ready"}`]: '1x30',
      },
      after: '25m',
      fires: [{ labels: { ...labels, pool: 'clean' }, summary: 'Pool clean of jobs/usajobs lacks 2 workers' }],
    },
    {
      about: 'workers that take their time, and a pool that is to be larger by what is only recommended',
      series: {
        [`jobpulse_replicas{${of},pool="clean",kind="desired"}`]: '3x30',
        [`jobpulse_replicas{${of},pool="clean",kind="recommended"}`]: '9x30',
        [`jobpulse_replicas{${of},pool="clean",kind="ready"}`]: '1x10 3x20',
      },
      ...{ after: '9m', fires: [] },
    },
  ],
  JobpulseRejectRate: [
    {
      about: 'a quarter of the rows',
      series: {
        [`jobpulse_rows_total{${of},dataset="postings",outcome="read"}`]: '0x10 400x50',
        [`jobpulse_rows_total{${of},dataset="postings",outcome="rejected"}`]: '0x10 100x50',
      },
      after: '20m',
      fires: [
        {
          labels: { ...labels, dataset: 'postings' },
          summary: '25% of the rows of jobs/usajobs, dataset postings, went to quarantine',
        },
      ],
    },
    {
      about: 'one of three rows',
      series: {
        [`jobpulse_rows_total{${of},dataset="postings",outcome="read"}`]: '0x10 3x50',
        [`jobpulse_rows_total{${of},dataset="postings",outcome="rejected"}`]: '0x10 1x50',
      },
      ...{ after: '20m', fires: [] },
    },
    {
      about: 'one in a hundred, and a dataset that reads nothing',
      series: {
        [`jobpulse_rows_total{${of},dataset="postings",outcome="read"}`]: '0x10 400x50',
        [`jobpulse_rows_total{${of},dataset="postings",outcome="rejected"}`]: '0x10 4x50',
        [`jobpulse_rows_total{${of},dataset="quiet",outcome="read"}`]: '0x60',
        [`jobpulse_rows_total{${of},dataset="quiet",outcome="rejected"}`]: '0x60',
      },
      ...{ after: '20m', fires: [] },
    },
  ],
  JobpulseBudgetSpent: [
    {
      about: 'items that wait for credits',
      series: { [`jobpulse_deferred_items{${of},dataset="details"}`]: '0x3 60x5' },
      after: '6m',
      fires: [
        {
          labels: { ...labels, dataset: 'details' },
          summary: '60 items of jobs/usajobs, dataset details, wait for credits',
        },
      ],
    },
    {
      about: 'items that were collected when there were credits again',
      series: { [`jobpulse_deferred_items{${of},dataset="details"}`]: '60x3 0x5' },
      ...{ after: '6m', fires: [] },
    },
  ],
  JobpulseSchemaDrift: noticeCases(
    'SchemaDrift',
    'The source of jobs/usajobs, dataset postings, has other columns than the manifest declares',
  ),
  JobpulseSnapshotShrank: noticeCases(
    'SnapshotShrank',
    'Far fewer rows of jobs/usajobs, dataset postings, came than are loaded',
  ),
  JobpulseReconcileErrors: [
    {
      about: 'one key that fails once a minute',
      series: { 'jobpulse_reconcile_total{controller="runs",result="error"}': '0+1x60' },
      after: '40m',
      fires: [{ labels: { controller: 'runs' }, summary: 'Reconciles of runs fail again and again' }],
    },
    {
      about: 'a burst while the API server was restarted',
      series: {
        'jobpulse_reconcile_total{controller="runs",result="error"}': '0x5 40x55',
        'jobpulse_reconcile_total{controller="runs",result="success"}': '0+9x60',
      },
      ...{ after: '40m', fires: [] },
    },
  ],
  JobpulseReconcileRunaway: [
    {
      about: 'ten reconciles a second',
      series: { 'jobpulse_reconcile_total{controller="pipelines",result="success"}': '0+600x30' },
      after: '25m',
      fires: [{ labels: { controller: 'pipelines' }, summary: 'pipelines reconciles 10 times a second' }],
    },
    {
      about: 'a start with a thousand pipelines, then peace',
      series: { 'jobpulse_reconcile_total{controller="pipelines",result="success"}': '0 4000+30x30' },
      ...{ after: '25m', fires: [] },
    },
  ],
  JobpulseSteadyStateWrites: [
    {
      about: 'a write each minute while nothing changes',
      series: { 'jobpulse_steady_state_writes_total{controller="pipelines"}': '0+1x120' },
      after: '100m',
      fires: [{ labels: { controller: 'pipelines' }, summary: 'pipelines writes although nothing has changed' }],
    },
    {
      about: 'one that mended what somebody had changed meanwhile',
      series: { 'jobpulse_steady_state_writes_total{controller="pipelines"}': '0x20 2x100' },
      ...{ after: '100m', fires: [] },
    },
  ],
  JobpulseNoLeader: [
    {
      about: 'two that stand by',
      series: { 'jobpulse_leader{pod="a"}': '1x2 0x10', 'jobpulse_leader{pod="b"}': '0x12' },
      after: '8m',
      fires: [{ labels: {}, summary: 'Controllers run, and none of them leads' }],
    },
    {
      about: 'a change of leader',
      series: { 'jobpulse_leader{pod="a"}': '1x2 0x10', 'jobpulse_leader{pod="b"}': '0x3 1x10' },
      ...{ after: '3m', fires: [] },
    },
  ],
  JobpulseTwoLeaders: [
    {
      about: 'two in one namespace',
      series: {
        'jobpulse_leader{namespace="ops",pod="a"}': '1x10',
        'jobpulse_leader{namespace="ops",pod="b"}': '1x10',
      },
      after: '8m',
      fires: [{ labels: { namespace: 'ops' }, summary: '2 controllers lead at the same time' }],
    },
    {
      about: 'two installations',
      series: {
        'jobpulse_leader{namespace="ops",pod="a"}': '1x10',
        'jobpulse_leader{namespace="dev",pod="b"}': '1x10',
      },
      ...{ after: '8m', fires: [] },
    },
  ],
  JobpulseLoopLag: [
    {
      about: 'turns that are late for long',
      series: { 'jobpulse_loop_lag_seconds{quantile="0.99"}': '0.01x5 2x20' },
      after: '20m',
      fires: [{ labels: { quantile: '0.99' }, summary: 'The controller comes round 2s late' }],
    },
    {
      about: 'one that was very late',
      series: {
        'jobpulse_loop_lag_seconds{quantile="0.99"}': '0.01x20',
        'jobpulse_loop_lag_seconds{quantile="1"}': '3x20',
      },
      ...{ after: '20m', fires: [] },
    },
  ],
  JobpulseControllerDown: [
    {
      about: 'nothing but workers',
      series: { 'jobpulse_worker_busy{namespace="jobs",pool="clean"}': '1x20' },
      after: '15m',
      fires: [{ labels: {}, summary: 'No controller is scraped' }],
    },
    { about: 'one that stands by', series: { jobpulse_leader: '0x20' }, after: '15m', fires: [] },
  ],
};

/** A step that tells something for the first time; and one that told it long ago, or something else. */
function noticeCases(reason: string, summary: string): readonly AlertCase[] {
  const series = (word: string) => `jobpulse_notices_total{${of},dataset="postings",reason="${word}"}`;
  return [
    {
      about: 'the first of its kind',
      series: { [series(reason)]: '0x10 1x50' },
      after: '20m',
      fires: [{ labels: { ...labels, dataset: 'postings' }, summary }],
    },
    {
      about: 'one of long ago, and others',
      series: { [series(reason)]: '0x10 1x110', [series('CheckWarned')]: '0+1x120' },
      ...{ after: '110m', fires: [] },
    },
  ];
}
