import type { Construct } from 'constructs';
import { column, type Dataset, Pipeline, secretHeader, secretRef, sql } from '../index.ts';

/** `examples/coresignal/pipeline.yaml`, in code: what both datasets have in common stands once. */
export const coresignal = (scope: Construct): Pipeline =>
  new Pipeline(scope, 'coresignal', {
    description:
      'Remote programme managers in US software companies; search is free, each collected record costs a credit',
    schedule: '15 * * * *',
    timeZone: 'UTC',
    freshness: '3h',
    datasets: [jobs, jobdetails],
    transform: {
      models: [
        {
          name: 'production_jobs',
          materialize: 'Table',
          checks: [
            { name: 'id', unique: ['job_id'], severity: 'Fail' },
            { name: 'complete', notNull: ['job_id', 'title', 'company_name'], severity: 'Fail' },
            { name: 'matched', relation: { column: 'job_id', to: 'jobs.job_id' }, severity: 'Warn' },
          ],
          insight: sql`
            SELECT format('{:,} active openings at {:,} companies', count(*), count(DISTINCT company_name)) FROM production_jobs
          `,
          sql: sql`
            SELECT d.*, j.matched_at
            FROM jobdetails d JOIN jobs j USING (job_id)
            WHERE d.is_active AND NOT d.is_deleted
          `,
        },
      ],
    },
    alerts: [
      {
        name: 'failures',
        when: ['RunFailed', 'Stale', 'BudgetSpent', 'RejectRate'],
        webhook: { urlFrom: secretRef('alerts', 'url', { optional: true }) },
      },
    ],
  });

/** The same key: one bucket for all that name it. */
const limits = { key: 'coresignal', rate: { requests: 5, per: '1s' }, concurrency: 4 };
const api = {
  baseUrl: 'https://api.coresignal.com',
  headers: [secretHeader('apikey', 'coresignal', 'api-key')],
};

const jobs: Dataset = {
  name: 'jobs',
  key: ['job_id'],
  extract: {
    window: { start: '2024-12-01T00:00:01Z', every: '1h', lookback: 1, maxSpan: '3660d' },
    limits,
    rest: {
      ...api,
      method: 'POST',
      path: '/cdapi/v2/job_base/search/filter',
      query: { items_per_page: '1000' },
      body: {
        application_active: true,
        last_updated_gte: "{{ slice.start | date('%Y-%m-%d %H:%M:%S') }}",
        country: 'United States',
        title: '(Program manager) AND (Remote)',
        deleted: 0,
        industry: 'Software development',
      },
      paging: {
        cursor: { param: 'after', next: { header: 'x-next-page-after' } },
        total: { header: 'x-total-results' },
      },
    },
  },
  format: { json: { records: '$[*]' } },
  clean: {
    columns: [column.integer('job_id', '$', { required: true }), column.timestamp('matched_at', { sql: '_as_of' })],
  },
  load: { mode: 'Merge', ignoreChanges: ['matched_at'] },
};

const jobdetails: Dataset = {
  name: 'jobdetails',
  key: ['job_id'],
  version: 'last_updated',
  extract: {
    limits,
    credits: { perRequest: 1, remaining: { header: 'x-credits-remaining' }, budget: 500, period: '24h' },
    rest: {
      ...api,
      path: '/cdapi/v2/job_base/collect/{{ item.job_id }}',
      forEach: { dataset: 'jobs', skip: 'Known', chunk: 50 },
      responses: [
        { status: 404, action: 'Skip' },
        { status: 402, action: 'Fail' },
      ],
    },
  },
  format: { json: { records: '$' } },
  clean: {
    columns: [
      column.integer('job_id', '$.id', { required: true }),
      column.string('title', '$.title', { required: true }),
      column.string('company_name', '$.company_name', { required: true }),
      column.integer('company_id', '$.company_id'),
      ...[
        'company_url',
        'description',
        'location',
        'country',
        'seniority',
        'employment_type',
        'salary',
        'url',
        'external_url',
      ].map((name) => column.string(name, `$.${name}`)),
      column.string('network_job_id', '$.professional_network_job_id', { aliases: ['$.linkedin_job_id'] }),
      column.string('applicants_text', '$.applicants_count'),
      column.integer('applicants', { sql: "try_cast(regexp_extract(applicants_text, '[0-9]+') AS INTEGER)" }),
      column.list('string')('industries', '$.job_industry_collection[*].job_industry_list.industry'),
      column.boolean('is_active', '$.application_active'),
      column.boolean('is_deleted', '$.deleted'),
      column.timestamp('created', '$.created'),
      column.timestamp('last_updated', '$.last_updated', { required: true }),
      column.integer('required_years', { sql: 'experience_years(description)' }),
    ],
  },
  load: { mode: 'Merge' },
};
