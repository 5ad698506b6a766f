import { expect, test } from 'vitest';
import { type Pipeline, pipeline as pipelineSchema } from '../../src/api/index.ts';
import { resolveSpecs } from '../../src/run/specs.ts';

type Rest = Record<string, unknown>;

const search: Rest = {
  method: 'POST',
  baseUrl: 'https://api.example.org',
  path: '/search',
  query: { items: '10', sort: 'date' },
  body: { title: '{{ slice.asOf }}', least: 3 },
  paging: { cursor: { param: 'after', next: { header: 'x-next' } }, total: { header: 'x-total' } },
};

/** What stands for the extract in the names of its steps. */
function identity(change: Rest, extract: Rest = {}): string | undefined {
  const pipeline: Pipeline = pipelineSchema.parse({
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'p' },
    spec: {
      datasets: [
        {
          name: 'postings',
          key: ['id'],
          extract: { rest: { ...search, ...change }, ...extract },
          format: { json: { records: '$[*]' } },
          clean: { columns: [{ name: 'id', type: 'string', from: '$' }] },
        },
      ],
    },
  });
  const around = { params: {}, warehouse: 'w', tablesOf: new Map(), functions: () => '' };
  return resolveSpecs(pipeline, around).datasets[0]?.extract.identity;
}

const secretFrom = { secretKeyRef: { name: 'a', key: 'b' } };

test.each<[string, Rest, Rest?]>([
  ['the path', { path: '/other' }],
  ['the query', { query: { items: '10' } }],
  ['the body', { body: { title: '{{ slice.asOf }}', least: '3' } }],
  ['what is for each', { forEach: { dataset: 'postings' } }],
])('%s asks for something else', (_, change, extract) => {
  expect(identity(change, extract)).not.toBe(identity({}));
});

test.each<[string, Rest, Rest?]>([
  ['the order of the query', { query: { sort: 'date', items: '10' } }],
  [
    'paging',
    { paging: { cursor: { header: 'x-after', next: { path: '$.next' } }, maxPages: 7, total: { path: '$.n' } } },
  ],
  ['the result cap', { resultCap: { at: 100, action: 'Split', splitBy: { param: 'state', values: ['a', 'b'] } } }],
  ['headers', { headers: [{ name: 'apikey', valueFrom: secretFrom }] }],
  ['auth', { auth: { oauth2: { tokenUrl: 'https://x.example/t', clientId: 'c', clientSecretFrom: secretFrom } } }],
  ['responses', { responses: [{ status: 404, action: 'Skip' }] }],
  [
    'limits, retries and time',
    {},
    { limits: { rate: { requests: 1, per: '1s' } }, retry: { attempts: 9 }, timeout: '1m' },
  ],
])('%s changes nothing: history is not asked for again', (_, change, extract) => {
  expect(identity(change, extract)).toBe(identity({}));
});
