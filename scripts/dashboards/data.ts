import { PanelBuilder as BarChart } from '@grafana/grafana-foundation-sdk/barchart';
import { VizOrientation } from '@grafana/grafana-foundation-sdk/common';
import { DashboardBuilder, RowBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as Table } from '@grafana/grafana-foundation-sdk/table';
import { DateTimeFromNow, Dollars, PercentUnit, Seconds, Short } from '@grafana/grafana-foundation-sdk/units';
import { shared } from './dashboard.ts';
import { bars, described, legend, only, plain, stat, type Words } from './panels.ts';
import { postgresVariable, selected, selectedOverTime } from './postgres.ts';
import { instant, prometheusVariable } from './prometheus.ts';

/** What the examples coresignal and usajobs have brought into a PostgreSQL warehouse. */
export const data = (): DashboardBuilder =>
  shared(new DashboardBuilder('Jobpulse: the data').uid('jobpulse-data'), 'now-30d')
    .description(
      'Jobs of the pipelines coresignal and usajobs as they are in the warehouse: how many, whose, for whom, for how much, and what the source left empty.',
    )
    .withVariable(postgresVariable())
    .withVariable(prometheusVariable())
    .withRow(new RowBuilder('coresignal'))
    .withPanel(
      count(
        'Openings',
        'coresignal.production_jobs',
        'Active jobs in `production_jobs`, which is swapped in whole when its checks pass. None, or far fewer than yesterday: see the newest run.',
      ),
    )
    .withPanel(companies())
    .withPanel(withSalary())
    .withPanel(
      sinceLoad('coresignal', 'It runs each hour: after three its data is stale, see the alert JobpulseStale.'),
    )
    .withPanel(rejected())
    .withPanel(byDay())
    .withPanel(byCompany())
    .withPanel(byYears('Required years', 'coresignal.production_jobs', third))
    .withPanel(bySeniority())
    .withPanel(empty())
    .withRow(new RowBuilder('usajobs'))
    .withPanel(
      count(
        'Openings that fit',
        'usajobs.openings',
        'Postings of the model `openings`: around Chicago or remote, 100,000 a year and more, five years of experience at most.',
      ),
    )
    .withPanel(
      count(
        'Postings',
        'usajobs.postings WHERE _removed_at IS NULL',
        'Postings that the newest whole answer of the search held. Those that were taken down stay in the table, with `_removed_at`.',
      ),
    )
    .withPanel(
      sinceLoad('usajobs', 'It runs once a day: after 26 hours its data is stale, see the alert JobpulseStale.'),
    )
    .withPanel(byYears('Years of experience asked for', 'usajobs.postings WHERE _removed_at IS NULL', [12, 5]))
    .withPanel(byPay())
    .withPanel(byAgency())
    .withPanel(closingSoon());

const third = [8, 8] as const;
const half = [12, 8] as const;

const count = (title: string, from: string, description: string) =>
  stat(
    selected({ title, description, unit: Short, size: [4, 5] }, `SELECT count(*) AS "${title}" FROM ${from}`),
    plain,
  );

const companies = () =>
  stat(
    selected(
      {
        ...{ title: 'Companies', unit: Short, size: [4, 5] },
        description:
          'Companies with at least one active job. Names are those of the source: one company may have several.',
      },
      'SELECT count(DISTINCT company_name) AS "Companies" FROM coresignal.production_jobs',
    ),
    plain,
  );

const withSalary = () =>
  stat(
    selected(
      {
        ...{ title: 'Salary given', unit: PercentUnit, size: [4, 5] },
        description:
          'Share of the active jobs that say a salary. It is text as the source has it; compare pay only among those that say it.',
      },
      'SELECT avg(CASE WHEN salary IS NULL THEN 0 ELSE 1 END) AS "Salary given" FROM coresignal.production_jobs',
    ),
    plain,
  );

const sinceLoad = (schema: string, when: string) =>
  stat(
    selected(
      {
        ...{ title: `Since the last load of ${schema}`, unit: Seconds, size: [4, 5] },
        description: `How long ago a load of ${schema} last wrote to the warehouse. ${when}`,
      },
      `SELECT extract(epoch FROM now() - max(at) AT TIME ZONE 'UTC') AS "age" FROM _jobpulse.loads
       WHERE table_name LIKE '${schema}.%'`,
    ),
    plain,
  ).decimals(0);

const rejected = () =>
  stat(
    instant(
      {
        ...{ title: 'Rejected by the quality checks', unit: Short, size: [8, 5] },
        description:
          'Collected jobs that are not in the tables, by the check: no id, title, company name or time of update. They cost their credit and are in quarantine: `jobpulse quarantine coresignal`.',
      },
      {
        '{{reason}}': 'sum by (reason) (increase(jobpulse_rejected_rows_total{pipeline="coresignal"}[$__range]))',
      },
    ),
    plain,
  ).decimals(0);

const byDay = () =>
  bars(
    selectedOverTime(
      {
        ...{ title: 'Jobs by day', unit: Short, size: half },
        description:
          'Jobs that the search found for the first time, and jobs that were collected, by day in UTC. Fewer collected than found for days: the budget does not cover them, see the alert JobpulseBudgetSpent.',
      },
      `SELECT date_trunc('day', matched_at) AS "time", count(*) AS "found" FROM coresignal.jobs
       WHERE $__timeFilter(matched_at) GROUP BY 1 ORDER BY 1`,
      `SELECT date_trunc('day', _extracted_at) AS "time", count(*) AS "collected" FROM coresignal.jobdetails
       WHERE $__timeFilter(_extracted_at) GROUP BY 1 ORDER BY 1`,
    ),
  );

/** One bar for each row: the first column names it, the second is its length. */
const chart = (words: Words, orientation: VizOrientation) =>
  described(new BarChart(), words).orientation(orientation).min(0).fillOpacity(80).legend(legend().showLegend(false));

const across = (words: Words) => chart(words, VizOrientation.Horizontal);
const upright = (words: Words) => chart(words, VizOrientation.Vertical);

const byCompany = () =>
  across(
    selected(
      {
        ...{ title: 'Companies with most openings', unit: Short, size: half },
        description:
          'The ten companies with most active jobs. One with hundreds is mostly an agency that posts one job in many places.',
      },
      `SELECT company_name AS "Company", count(*) AS "Openings" FROM coresignal.production_jobs
       GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`,
    ),
  );

const byYears = (title: string, from: string, size: Words['size']) =>
  upright(
    selected(
      {
        ...{ title, unit: Short, size },
        description:
          'Years of experience that the text of a posting asks for, read by `experience_years()`. Many without: the texts do not say it, or say it in words that are not known.',
      },
      `SELECT coalesce(required_years::text, 'not said') AS "Years", count(*) AS "Openings" FROM ${from}
       GROUP BY required_years ORDER BY required_years NULLS LAST`,
    ),
  );

const bySeniority = () =>
  upright(
    selected(
      {
        ...{ title: 'Seniority', unit: Short, size: third },
        description:
          'Active jobs by the seniority that the source gives. A new word here is worth a look: it may be a new spelling of an old one.',
      },
      `SELECT coalesce(seniority, 'not said') AS "Seniority", count(*) AS "Openings" FROM coresignal.production_jobs
       GROUP BY 1 ORDER BY 2 DESC, 1`,
    ),
  );

const optional = ['salary', 'required_years', 'external_url', 'applicants', 'seniority', 'description', 'location'];

const empty = () =>
  across(
    selected(
      {
        ...{ title: 'What the source left empty', unit: PercentUnit, size: third },
        description:
          'Share of collected jobs without a value, by column. A jump of one column is a change at the source: compare a record in raw with the paths in the manifest.',
      },
      `SELECT column_name AS "Column", avg(is_empty) AS "Empty" FROM coresignal.jobdetails
       CROSS JOIN LATERAL (VALUES ${optional.map((name) => `('${name}', CASE WHEN ${name} IS NULL THEN 1 ELSE 0 END)`).join(', ')})
       AS column_of (column_name, is_empty) GROUP BY 1 ORDER BY 2 DESC, 1`,
    ),
  ).max(1);

/** Width of a band of pay. */
const band = 25_000;

const byPay = () =>
  upright(
    selected(
      {
        ...{ title: 'Openings by annual pay', unit: Short, size: half },
        description:
          'Postings by the top of their range in USD a year, in bands of 25,000 named by where they begin. Hourly and other pay is made annual by `annual_pay()`.',
      },
      `SELECT coalesce((floor(annual_max_pay / ${band}) * ${band / 1000})::integer || 'k', 'not said') AS "From",
         count(*) AS "Openings" FROM usajobs.postings WHERE _removed_at IS NULL
       GROUP BY floor(annual_max_pay / ${band}) ORDER BY floor(annual_max_pay / ${band}) NULLS LAST`,
    ),
  );

const byAgency = () =>
  across(
    selected(
      {
        ...{ title: 'Agencies with most openings', unit: Short, size: half },
        description:
          'The ten agencies with most postings. An agency that is gone from here without being gone from the site: see the alert JobpulseSnapshotShrank.',
      },
      `SELECT coalesce(organization_name, 'not said') AS "Agency", count(*) AS "Openings" FROM usajobs.postings
       WHERE _removed_at IS NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`,
    ),
  );

const closingSoon = () =>
  described(
    new Table(),
    selected(
      {
        ...{ title: 'Closing soon', unit: 'none', size: [24, 9] },
        description:
          'Postings that close within 14 days after the end of the time range, the first to close first. A click on the title opens the posting.',
      },
      `SELECT position_title AS "Title", organization_name AS "Agency", annual_min_pay AS "From", annual_max_pay AS "To",
         required_years AS "Years", closes_at AS "Closes", position_uri AS "URL" FROM usajobs.postings
       WHERE _removed_at IS NULL AND closes_at >= $__timeTo()::timestamp
         AND closes_at < $__timeTo()::timestamp + interval '14 days'
       ORDER BY closes_at, position_title LIMIT 50`,
    ),
  )
    .overrideByRegexp('From|To', only({ unit: Dollars, decimals: 0 }))
    .overrideByName('Closes', only({ unit: DateTimeFromNow }))
    .overrideByName('URL', only({ 'custom.hidden': true }))
    .overrideByName(
      'Title',
      only({ links: [{ title: 'Open the posting', url: `\${__data.fields.URL}`, targetBlank: true }] }),
    );
