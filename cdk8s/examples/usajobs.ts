import type { Construct } from 'constructs';
import { column, type Dataset, Pipeline, secretHeader, sql } from '../index.ts';

/** `examples/usajobs/pipeline.yaml`, in code. */
export const usajobs = (scope: Construct): Pipeline =>
  new Pipeline(scope, 'usajobs', {
    description: 'Federal openings for a data engineer near Chicago',
    params: [
      { name: 'keyword', type: 'String', default: 'data engineering' },
      { name: 'location', type: 'String', default: 'Chicago, Illinois' },
      { name: 'minPay', type: 'Integer', default: '100000' },
    ],
    schedule: '0 6 * * *',
    timeZone: 'America/Chicago',
    missedRunPolicy: 'Last',
    concurrencyPolicy: 'Forbid',
    freshness: '26h',
    datasets: [postings],
    transform: {
      models: [
        {
          name: 'openings',
          description: 'Postings that fit the asker, best paid first',
          materialize: 'View',
          columns: [{ name: 'annual_max_pay', description: 'Top of the range in USD a year' }],
          checks: [
            { name: 'id', unique: ['matched_object_id'], severity: 'Fail' },
            { name: 'title', notNull: ['position_title', 'position_uri'], severity: 'Fail' },
          ],
          sql: sql`
            SELECT matched_object_id, position_title, position_uri, position_location, position_remuneration,
                   annual_min_pay, annual_max_pay, required_years, closes_at
            FROM postings
            WHERE _removed_at IS NULL
              AND annual_max_pay >= 100000
              AND coalesce(required_years, 0) <= 5
              AND len(list_filter(position_location, x -> x ILIKE '%Chicago%' OR x ILIKE '%remote%' OR x ILIKE '%negotiable%')) > 0
            ORDER BY annual_max_pay DESC
          `,
          insight: sql`
            SELECT CASE count(*)
                     WHEN 0 THEN 'no opening fits'
                     WHEN 1 THEN '1 opening fits'
                     ELSE format('{:,} openings fit', count(*))
                   END
                || coalesce(
                     '; best paid: ' || first(trim(position_title) ORDER BY annual_max_pay DESC, matched_object_id)
                     || format(', up to \${:,} a year', max(annual_max_pay)::BIGINT)
                     || ', within 5 years of experience',
                     '')
            FROM openings
          `,
        },
      ],
    },
    retention: { raw: '400d', quarantine: '90d' },
  });

/** Where a posting's details are in a record. */
const detail = (path: string) => `$.MatchedObjectDescriptor.${path}`;
const money = column.decimal(12, 2);

const postings: Dataset = {
  name: 'postings',
  description: 'Every posting the search returned, one row per control number',
  key: ['matched_object_id'],
  extract: {
    timeout: '10m',
    limits: { rate: { requests: 5, per: '1s' }, concurrency: 2 },
    rest: {
      baseUrl: 'https://data.usajobs.gov',
      path: '/api/Search',
      headers: [
        secretHeader('Authorization-Key', 'usajobs', 'api-key'),
        secretHeader('User-Agent', 'usajobs', 'user-agent'),
      ],
      query: {
        Keyword: '{{ params.keyword }}',
        LocationName: '{{ params.location }}',
        RemunerationMinimumAmount: '{{ params.minPay }}',
        Fields: 'Full',
      },
      paging: {
        page: { param: 'Page', first: 1, sizeParam: 'ResultsPerPage', size: 500 },
        total: { path: '$.SearchResult.SearchResultCountAll' },
        maxPages: 1000,
      },
      resultCap: { at: 10_000, action: 'Fail' },
    },
  },
  format: { json: { records: '$.SearchResult.SearchResultItems[*]' } },
  clean: {
    columns: [
      column.string('matched_object_id', '$.MatchedObjectId', { required: true }),
      column.string('position_id', detail('PositionID')),
      column.string('position_title', detail('PositionTitle'), { required: true }),
      column.string('position_uri', detail('PositionURI'), { required: true }),
      column.string('organization_name', detail('OrganizationName')),
      column.string('department_name', detail('DepartmentName')),
      column.list('string')('position_location', detail('PositionLocation[*].LocationName')),
      column.json('position_remuneration', detail('PositionRemuneration')),
      money('min_pay', detail('PositionRemuneration[0].MinimumRange'), { min: '0' }),
      money('max_pay', detail('PositionRemuneration[0].MaximumRange'), { min: '0' }),
      column.string('pay_interval', detail('PositionRemuneration[0].RateIntervalCode'), {
        map: {
          'Per Year': 'PA',
          'Per Hour': 'PH',
          'Per Day': 'PD',
          'Bi-weekly': 'BW',
          'Per Month': 'PM',
          'Piece Work': 'PW',
          'Without Compensation': 'WC',
        },
        accepted: ['PA', 'PH', 'PD', 'BW', 'PM', 'PW', 'WC'],
        onError: 'SetNull',
      }),
      money('annual_min_pay', { sql: 'annual_pay(min_pay, pay_interval)' }),
      money('annual_max_pay', { sql: 'annual_pay(max_pay, pay_interval)' }),
      column.string('qualifications', detail('QualificationSummary')),
      column.integer('required_years', { sql: 'experience_years(qualifications)' }),
      column.timestamp('published_at', detail('PublicationStartDate')),
      column.timestamp('closes_at', detail('ApplicationCloseDate')),
      column.double('relevance', '$.RelevanceRank'),
    ],
    checks: [
      { name: 'pay-range', sql: 'min_pay <= max_pay', severity: 'Warn' },
      { name: 'not-empty', rowCount: { min: 1 }, severity: 'Warn' },
    ],
  },
  load: { mode: 'Merge', onMissing: 'Mark', maxMissingPercent: 20, ignoreChanges: ['relevance'] },
};
