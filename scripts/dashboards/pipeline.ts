import { VisibilityMode } from '@grafana/grafana-foundation-sdk/common';
import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { shared } from './dashboard.ts';
import { inNamespace, of, ofDataset } from './ofPipeline.ts';
import { bars, coloured, lines, mapped, noneIsGood, plain, stat, yesIsGood } from './panels.ts';
import { failedRuns, instant, labelVariable, prometheusVariable, ranged, several } from './prometheus.ts';
import { limits, queues, retries, workers } from './workerPanels.ts';

/** One pipeline: what it did, what it does, and why it has the workers it has. */
export const pipeline = (): DashboardBuilder =>
  shared(new DashboardBuilder('Jobpulse: one pipeline').uid('jobpulse-pipeline'), 'now-24h')
    .description('What one pipeline did and does: runs, steps, rows, rejects, credits, queues and workers.')
    .withVariable(prometheusVariable())
    .withVariable(labelVariable('namespace', 'Namespace', 'jobpulse_ready'))
    .withVariable(labelVariable('pipeline', 'Pipeline', `jobpulse_ready{${inNamespace}}`))
    .withVariable(several(labelVariable('dataset', 'Dataset', `jobpulse_rows_total{${of}}`)))
    .annotation(failedRuns(of))
    .withRow(new RowBuilder('How it is'))
    .withPanel(state())
    .withPanel(age())
    .withPanel(backlog())
    .withPanel(missing())
    .withPanel(deferred())
    .withPanel(creditsLeft())
    .withRow(new RowBuilder('Runs and steps'))
    .withPanel(runs())
    .withPanel(runSeconds())
    .withPanel(stepSeconds())
    .withRow(new RowBuilder('Rows'))
    .withPanel(rows())
    .withPanel(rejects())
    .withPanel(notices())
    .withPanel(creditsSpent())
    .withRow(new RowBuilder('Queues and workers'))
    .withPanel(queues())
    .withPanel(workers())
    .withPanel(limits())
    .withPanel(retries());

const state = () =>
  stat(
    instant(
      {
        ...{ title: 'State', unit: Short, size: [6, 5] },
        description:
          'Ready: it does what its manifest wants. Fresh: the newest data is young enough; absent without `freshness`. Conserved: every row that came in is accounted for. If one says no, `jobpulse why` and the conditions of the Pipeline tell the reason.',
      },
      { ready: `jobpulse_ready{${of}}`, fresh: `jobpulse_fresh{${of}}`, conserved: `jobpulse_conserved{${of}}` },
    ),
    yesIsGood,
  ).mappings(mapped({ 0: 'no', 1: 'yes' }));

const age = () =>
  stat(
    instant(
      {
        ...{ title: 'Since the last success', unit: Seconds, size: [4, 5] },
        description:
          'How long ago a run that looked at all sources ended well. It should stay below `freshness`; if it grows, see whether runs fail or the schedule rests.',
      },
      { age: `time() - jobpulse_last_success_timestamp_seconds{${of}}` },
    ),
    plain,
  ).decimals(0);

const backlog = () =>
  stat(
    instant(
      {
        ...{ title: 'Backlog', unit: Short, size: [3, 5] },
        description: 'Steps that wait or are under way. If it does not fall, see the queues and workers below.',
      },
      { steps: `sum(jobpulse_backlog{${of}})` },
    ),
    plain,
  );

const missing = () =>
  stat(
    instant(
      {
        ...{ title: 'Slices missing', unit: Short, size: [3, 5] },
        description:
          'Periods that have ended and that the newest run left to the next (`extract.window.maxSlicesPerRun`). They are made up for run by run; a backfill is faster.',
      },
      { '{{dataset}}': `jobpulse_slices_missing{${ofDataset}}` },
    ),
    noneIsGood('orange'),
  );

const deferred = () =>
  stat(
    instant(
      {
        ...{ title: 'Items waiting for credits', unit: Short, size: [4, 5] },
        description:
          'Items that the newest run left to the next, because the budget of the period does not cover them. If this grows from period to period, raise the budget or narrow the search.',
      },
      { items: `sum(jobpulse_deferred_items{${ofDataset}})` },
    ),
    noneIsGood('orange'),
  );

const creditsLeft = () =>
  stat(
    instant(
      {
        ...{ title: 'Credits left', unit: Short, size: [4, 5] },
        description:
          'What the account still has, as the source said last; only of sources that say so. Buy more before it is zero: then requests are refused.',
      },
      { '{{dataset}}': `jobpulse_credits_remaining{${ofDataset}}` },
    ),
    [
      { value: null, color: 'red' },
      { value: 1, color: 'orange' },
      { value: 100, color: 'green' },
    ],
  );

const third = [8, 8] as const;

const runs = () =>
  bars(
    ranged(
      {
        ...{ title: 'Runs by result', unit: Short, size: third },
        description:
          'Runs that ended in each interval, and what started them. What a failed run published is not done again: mend the cause that its status names, and run again.',
      },
      {
        '{{result}}, {{trigger}}': `sum by (result, trigger) (increase(jobpulse_runs_total{${of}}[$__interval])) > 0`,
      },
    ),
  )
    .interval('5m')
    .overrideByRegexp('/^Succeeded/', coloured('green'))
    .overrideByRegexp('/^Failed/', coloured('red'));

const runSeconds = () =>
  lines(
    ranged(
      {
        ...{ title: 'Time of runs', unit: Seconds, size: third },
        description: 'Mean time of the runs that ended in each interval. When it grows, see which stage does.',
      },
      {
        'mean time': `sum(increase(jobpulse_run_seconds_sum{${of}}[$__interval])) / sum(increase(jobpulse_run_seconds_count{${of}}[$__interval]))`,
      },
    ),
  )
    .interval('5m')
    .showPoints(VisibilityMode.Always);

const stepSeconds = () =>
  lines(
    ranged(
      {
        ...{ title: 'Time of steps by stage', unit: Seconds, size: third },
        description:
          'Within this time 95 of 100 steps of a stage end. About a minute is aimed at; much longer ones spread badly over workers and cost more when one is killed.',
      },
      {
        '{{stage}}': `histogram_quantile(0.95, sum by (le, stage) (increase(jobpulse_step_seconds_bucket{${of}}[$__interval])))`,
      },
    ),
  )
    .interval('5m')
    .showPoints(VisibilityMode.Always);

const half = [12, 8] as const;

const rows = () =>
  bars(
    ranged(
      {
        ...{ title: 'Rows by outcome', unit: Short, size: half },
        description:
          'Rows of published loads, and those that cleaning left out. Rows that are unchanged again and again are cheap; superseded ones are older than what was there.',
      },
      {
        '{{outcome}}': `sum by (outcome) (increase(jobpulse_rows_total{outcome=~"added|modified|unchanged|superseded|marked|rejected|filtered|deduplicated",${ofDataset}}[$__interval])) > 0`,
      },
    ),
  )
    .interval('5m')
    .overrideByName('rejected', coloured('red'))
    .overrideByName('added', coloured('green'))
    .overrideByName('unchanged', coloured('gray'));

const rejects = () =>
  bars(
    ranged(
      {
        ...{ title: 'Rejected rows by reason', unit: Short, size: half },
        description:
          'Rows that went to quarantine, by the rule and the column. `jobpulse quarantine` shows them. Mend the rule in the manifest: they are cleaned again from raw, without asking the source.',
      },
      { '{{reason}}': `sum by (reason) (increase(jobpulse_rejected_rows_total{${ofDataset}}[$__interval])) > 0` },
    ),
  ).interval('5m');

const notices = () =>
  bars(
    ranged(
      {
        ...{ title: 'Notices', unit: Short, size: half },
        description:
          'What published steps tell although they went well: SchemaDrift (other columns than declared), SnapshotShrank (far fewer rows than loaded), CheckWarned, ValuesSetNull and others. `why` in the run report says more.',
      },
      { '{{reason}}': `sum by (reason) (increase(jobpulse_notices_total{${of}}[$__interval])) > 0` },
    ),
  ).interval('5m');

const creditsSpent = () =>
  bars(
    ranged(
      {
        ...{ title: 'Requests and credits', unit: Short, size: half },
        description:
          'Requests to sources, and credits that they charged. Known items are not asked for again: credits without added rows are worth a look.',
      },
      {
        '{{dataset}} requests': `sum by (dataset) (increase(jobpulse_requests_total{${ofDataset}}[$__interval])) > 0`,
        '{{dataset}} credits': `sum by (dataset) (increase(jobpulse_credits_spent_total{${ofDataset}}[$__interval])) > 0`,
      },
    ),
  ).interval('5m');
