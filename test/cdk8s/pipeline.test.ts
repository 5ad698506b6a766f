import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Chart, Testing } from 'cdk8s';
import type { Construct } from 'constructs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { coresignal } from '../../cdk8s/examples/coresignal.ts';
import { usajobs } from '../../cdk8s/examples/usajobs.ts';
import { vacancies } from '../../cdk8s/examples/vacancies.ts';
import { importedTypes } from '../../cdk8s/imports/generate.ts';
import { column, Pipeline, PipelineRun, secretRef, sql } from '../../cdk8s/index.ts';
import { temporaryFolder } from '../e2e/harness.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (...path: string[]) => readFileSync(join(root, ...path), 'utf8');

test.each(Object.entries({ coresignal, usajobs, vacancies }))('%s in code is what its manifest says', (name, build) => {
  expect(synthesised(build)).toEqual([parse(read('examples', name, 'pipeline.yaml'))]);
});

test('the types are those of this version: run `npm run generate`', () => {
  for (const [path, text] of importedTypes(read('charts', 'jobpulse', 'values.yaml'))) expect(read(path)).toBe(text);
});

const small = {
  datasets: [
    {
      name: 'offers',
      key: ['id'],
      extract: { files: { paths: ['offers.csv'] } },
      format: { csv: {} },
      clean: { columns: [column.string('id', 'Id', { required: true })] },
    },
  ],
};

test('the name is the id, or the one that is given; a chart gives its namespace and labels', () => {
  const objects = synthesised(
    (chart) => {
      new Pipeline(chart, 'offers', small);
      new Pipeline(chart, 'again', { metadata: { name: 'offers-2', labels: { team: 'quay' } }, ...small });
      new PipelineRun(chart, 'first-run', { pipelineRef: { name: 'offers' } });
    },
    { namespace: 'jobs', labels: { owner: 'ana' } },
  );
  expect(objects).toMatchObject([
    { kind: 'Pipeline', metadata: { name: 'offers', namespace: 'jobs', labels: { owner: 'ana' } } },
    { kind: 'Pipeline', metadata: { name: 'offers-2', labels: { owner: 'ana', team: 'quay' } } },
    { kind: 'PipelineRun', metadata: { name: 'first-run' }, spec: { pipelineRef: { name: 'offers' } } },
  ]);
});

test('what is wrong is told at synthesis, with the path and what to do', () => {
  const [dataset] = small.datasets;
  const wrong = [
    { ...dataset, key: ['idd'] },
    { ...dataset, name: 'Offers' },
  ] as typeof small.datasets;
  expect(() => synth((chart) => new Pipeline(chart, 'offers', { datasets: wrong }))).toThrow(
    /spec\.datasets\[1\]\.name: .*a name of small letters/,
  );
  const unknown = [{ ...dataset, key: ['idd'] }] as typeof small.datasets;
  expect(() => synth((chart) => new Pipeline(chart, 'offers', { datasets: unknown }))).toThrow(
    /\[chart\/offers\] spec\.datasets\[0\]\.key\[0\]: .*did you mean id\?/,
  );
  expect(() => synth((chart) => new PipelineRun(chart, 'r', { pipelineRef: { name: '' } }))).toThrow(
    'spec.pipelineRef.name',
  );
});

test('short ways to write columns, references and SQL', () => {
  expect(column.decimal(12, 2)('pay', '$.pay', { min: '0' })).toEqual({
    ...{ name: 'pay', type: 'decimal(12,2)', from: '$.pay', min: '0' },
  });
  expect(column.list('integer')('years', { sql: 'years(text)' })).toEqual({
    ...{ name: 'years', type: 'list<integer>', sql: 'years(text)' },
  });
  expect(secretRef('alerts', 'url', { optional: true })).toEqual({
    secretKeyRef: { name: 'alerts', key: 'url', optional: true },
  });
  expect(sql`
    SELECT 1

      FROM jobs
  `).toBe('SELECT 1\n\n  FROM jobs\n');
});

function synthesised(build: (chart: Construct) => unknown, props = {}): unknown[] {
  const chart = new Chart(new App({ outdir: temporaryFolder() }), 'chart', props);
  build(chart);
  return Testing.synth(chart) as unknown[];
}

/** As `npm run synth` does it: with validation. */
function synth(build: (chart: Construct) => unknown): void {
  const app = new App({ outdir: temporaryFolder() });
  build(new Chart(app, 'chart'));
  app.synth();
}
