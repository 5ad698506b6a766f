import { expect, test } from 'vitest';
import { parsePipeline, parseRun } from '../../src/api/index.ts';
import { fixture } from './support.ts';

test('a manifest that says little gets the documented defaults', () => {
  const checked = parsePipeline(fixture('small.yaml'), 'ferry.yaml');
  if (!checked.ok) throw new Error(checked.problems[0]?.message);
  expect(checked.pipeline.spec).toMatchObject({
    timeZone: 'UTC',
    suspend: false,
    missedRunPolicy: 'Last',
    concurrencyPolicy: 'Forbid',
    params: [],
    retention: { tables: '7d' },
    datasets: [
      {
        aliases: [],
        extract: { timeout: '10m', retry: { attempts: 5, delay: '1s', maxDelay: '5m' } },
        clean: { contract: 'Evolve', nulls: [''], dedupe: 'Latest', checks: [], partitionBy: [], onChange: 'Rebuild' },
        load: { mode: 'Merge', onMissing: 'Ignore', maxMissingPercent: 20, ignoreChanges: [], partitionBy: [] },
      },
    ],
  });
  expect(checked.pipeline.spec.datasets[0]?.clean.columns[1]).toEqual({
    name: 'pay',
    type: 'decimal(12,2)',
    from: '$.pay',
    min: '0',
    aliases: [],
    required: false,
    onError: 'Reject',
  });
});

test('a run that names its pipeline and nothing else', () => {
  const source =
    'apiVersion: jobpulse.dev/v1alpha1\nkind: PipelineRun\nmetadata: {name: r}\nspec: {pipelineRef: {name: ferry}}';
  const checked = parseRun(source, 'run.yaml');
  expect(checked.ok && checked.run.spec).toEqual({
    pipelineRef: { name: 'ferry' },
    datasets: [],
    from: 'Extract',
    refresh: false,
    params: [],
    priority: 'Normal',
    maxSharePercent: 100,
    state: 'Run',
    ttl: '30d',
  });
});
