import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { PercentUnit, RowsPerSecond, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { loopLag, memory, reconciles, steadyWrites, workQueue } from './controllerPanels.ts';
import { pipelineLink, shared } from './dashboard.ts';
import { bars, coloured, described, lines, mapped, noneIsGood, only, plain, stat, thresholds } from './panels.ts';
import { failedRuns, instant, labelVariable, prometheusVariable, ranged, rows, several } from './prometheus.ts';

const of = 'namespace=~"$namespace"';
const byPipeline = 'by (namespace, pipeline)';

/** All pipelines, and the controllers that look after them. */
export const fleet = (): DashboardBuilder =>
  shared(new DashboardBuilder('Jobpulse: all pipelines').uid('jobpulse-fleet'), 'now-24h')
    .description('Whether all pipelines do what they should, how much they do, and whether their controller is well.')
    .withVariable(prometheusVariable())
    .withVariable(several(labelVariable('namespace', 'Namespace', 'jobpulse_ready')))
    .annotation(failedRuns(of))
    .withRow(new RowBuilder('How it is'))
    .withPanel(notReady())
    .withPanel(stale())
    .withPanel(failed())
    .withPanel(rejected())
    .withPanel(waiting())
    .withPanel(leaders())
    .withRow(new RowBuilder('Pipelines'))
    .withPanel(pipelines())
    .withPanel(firing())
    .withRow(new RowBuilder('What is done'))
    .withPanel(runs())
    .withPanel(rowsOverTime())
    .withPanel(credits())
    .withPanel(workers())
    .withRow(new RowBuilder('The controller'))
    .withPanel(loopLag())
    .withPanel(reconciles())
    .withPanel(steadyWrites())
    .withPanel(workQueue())
    .withPanel(memory());

const small = [4, 4] as const;

const notReady = () =>
  stat(
    instant(
      {
        ...{ title: 'Not ready', unit: Short, size: small },
        description:
          'Pipelines that do not do what their manifest wants. The table below names them; `jobpulse why` or the conditions of the Pipeline say why.',
      },
      { 'not ready': `count(jobpulse_ready{${of}}) - sum(jobpulse_ready{${of}})` },
    ),
    noneIsGood(),
  );

const stale = () =>
  stat(
    instant(
      {
        ...{ title: 'Stale', unit: Short, size: small },
        description:
          'Pipelines whose newest data is older than their `freshness`; those without that objective do not count. See whether their runs fail or their schedule rests.',
      },
      { stale: `count(jobpulse_fresh{${of}}) - sum(jobpulse_fresh{${of}})` },
    ),
    noneIsGood('orange'),
  );

const failed = () =>
  stat(
    instant(
      {
        ...{ title: 'Failed runs', unit: Short, size: small },
        description:
          'Runs that failed in the time range. The status of each says which step failed, why, and how to fix it.',
      },
      { failed: `sum(increase(jobpulse_runs_total{result="Failed",${of}}[$__range]))` },
    ),
    noneIsGood(),
  ).decimals(0);

const rejected = () =>
  stat(
    instant(
      {
        ...{ title: 'Rejected', unit: PercentUnit, size: small },
        description:
          'Share of the rows read in the time range that went to quarantine. The dashboard of a pipeline names the rules.',
      },
      {
        rejected: `sum(increase(jobpulse_rows_total{outcome="rejected",${of}}[$__range])) / sum(increase(jobpulse_rows_total{outcome="read",${of}}[$__range]))`,
      },
    ),
    [
      { value: null, color: 'green' },
      { value: 0.02, color: 'orange' },
      { value: 0.1, color: 'red' },
    ],
  );

const waiting = () =>
  stat(
    instant(
      {
        ...{ title: 'Backlog', unit: Short, size: small },
        description:
          'Steps that wait or are under way. That is work, not trouble, unless it does not fall: then see the workers below.',
      },
      { steps: `sum(jobpulse_backlog{${of}})` },
    ),
    plain,
  );

const leaders = () =>
  stat(
    instant(
      {
        ...{ title: 'Leaders', unit: Short, size: small },
        description:
          'Controllers that lead: one for each installation. With none nothing is reconciled, see the Lease; on one machine it is the process that owns the data directory.',
      },
      { leaders: 'sum(jobpulse_leader)' },
    ),
    [
      { value: null, color: 'red' },
      { value: 1, color: 'green' },
    ],
  );

const yesNo = only({
  mappings: mapped({ 0: 'no', 1: 'yes' }),
  'custom.cellOptions': { type: 'color-text' },
  thresholds: thresholds([
    { value: null, color: 'red' },
    { value: 1, color: 'green' },
  ]).build(),
});

const pipelines = () =>
  described(
    new Table(),
    rows(
      {
        ...{ title: 'Pipelines', unit: Short, size: [16, 9] },
        description:
          'One line for each pipeline; a click on its name opens its dashboard. Rows and rejected rows are those of the time range.',
      },
      [
        `max ${byPipeline} (jobpulse_ready{${of}})`,
        `max ${byPipeline} (jobpulse_fresh{${of}})`,
        `max ${byPipeline} (jobpulse_conserved{${of}})`,
        `time() - max ${byPipeline} (jobpulse_last_success_timestamp_seconds{${of}})`,
        `sum ${byPipeline} (jobpulse_backlog{${of}})`,
        `sum ${byPipeline} (increase(jobpulse_rows_total{outcome="read",${of}}[$__range]))`,
        `sum ${byPipeline} (increase(jobpulse_rows_total{outcome="rejected",${of}}[$__range]))`,
      ],
    ),
  )
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: { Time: true },
        renameByName: {
          ...{ namespace: 'Namespace', pipeline: 'Pipeline', 'Value #A': 'Ready', 'Value #B': 'Fresh' },
          ...{ 'Value #C': 'Conserved', 'Value #D': 'Last success', 'Value #E': 'Backlog' },
          ...{ 'Value #F': 'Rows read', 'Value #G': 'Rejected' },
        },
      },
    })
    .decimals(0)
    .overrideByName('Pipeline', only({ links: [pipelineLink] }))
    .overrideByRegexp('Ready|Fresh|Conserved', yesNo)
    .overrideByName('Last success', only({ unit: Seconds, decimals: 0 }));

const firing = () =>
  described(
    new Table(),
    rows(
      {
        ...{ title: 'Alerts', unit: Short, size: [8, 9] },
        description:
          'Alerts that Prometheus has for jobpulse now. Each has a section in the runbooks, `docs/guide/runbooks.md`. Empty when all is well, or when the rules of the chart are not loaded.',
      },
      ['count by (alertname, alertstate, namespace, pipeline, dataset) (ALERTS{alertname=~"Jobpulse.*"})'],
    ),
  ).withTransformation({
    id: 'organize',
    options: {
      excludeByName: { Time: true, Value: true },
      indexByName: { alertname: 0, alertstate: 1, namespace: 2, pipeline: 3, dataset: 4 },
      renameByName: {
        alertname: 'Alert',
        alertstate: 'State',
        namespace: 'Namespace',
        pipeline: 'Pipeline',
        dataset: 'Dataset',
      },
    },
  });

const half = [12, 8] as const;

const runs = () =>
  bars(
    ranged(
      {
        ...{ title: 'Runs by result', unit: Short, size: half },
        description:
          'Runs that ended in each interval. Failed runs are marked in red over all charts; published steps are not done again when a run is repeated.',
      },
      { '{{result}}': `sum by (result) (increase(jobpulse_runs_total{${of}}[$__interval]))` },
    ),
  )
    .interval('5m')
    .overrideByName('Succeeded', coloured('green'))
    .overrideByName('Failed', coloured('red'))
    .overrideByName('Cancelled', coloured('yellow'));

const rowsOverTime = () =>
  lines(
    ranged(
      {
        ...{ title: 'Rows', unit: RowsPerSecond, size: half },
        description:
          'Rows by what became of them, from published ledgers. Reads without additions or changes are looks at a source in which nothing changed.',
      },
      {
        '{{outcome}}': `sum by (outcome) (rate(jobpulse_rows_total{outcome=~"read|added|modified|rejected",${of}}[$__rate_interval]))`,
      },
    ),
  ).overrideByName('rejected', coloured('red'));

const credits = () =>
  bars(
    ranged(
      {
        ...{ title: 'Credits spent', unit: Short, size: half },
        description:
          'What paid sources charged in each interval. A pipeline that spends more than you expect asks for too much or again for the same; its dashboard shows what is left.',
      },
      {
        '{{namespace}}/{{pipeline}}': `sum ${byPipeline} (increase(jobpulse_credits_spent_total{${of}}[$__interval])) > 0`,
      },
    ),
  ).interval('5m');

const workers = () =>
  lines(
    ranged(
      {
        ...{ title: 'Backlog and workers', unit: Short, size: half },
        description:
          'Steps in all queues, and workers that there are, should be, and would be by the autoscaler. Fewer ready than desired for long: see the condition WorkersReady.',
      },
      {
        steps: `sum(jobpulse_backlog{${of}})`,
        'workers {{kind}}': `sum by (kind) (jobpulse_replicas{${of}})`,
      },
    ),
  );
