import { describe, expect, test } from 'vitest';
import { onlyBuilt, unbuilt } from '../../src/api/built.ts';
import { crdSchema, kinds } from '../../src/api/generate/crd.ts';
import type { Schema } from '../../src/api/generate/structural.ts';
import { type Pipeline, parsePipeline, problemText } from '../../src/api/index.ts';
import { meaning } from '../../src/api/policies/index.ts';
import { checkPipeline } from '../../src/api/validate.ts';
import { version } from '../../src/version.ts';
import { documents, fixture } from './support.ts';

const [kind] = kinds;
const spec = kind && crdSchema(kind).properties?.spec;

/** The part of the schema that a place in the list is about. */
const schemaAt = (at: string): Schema | undefined =>
  at === ''
    ? spec
    : at.split('.').reduce<Schema | undefined>((schema, step) => {
        const member = schema?.properties?.[step.replace('[]', '')];
        return step.endsWith('[]') ? member?.items : member;
      }, spec);

test.each(unbuilt.flatMap(({ at, parts }) => parts.map((part) => [at, part] as const)))(
  'the vocabulary has %s.%s',
  (at, part) => {
    const schema = schemaAt(at);
    expect([...Object.keys(schema?.properties ?? {}), ...((schema?.enum as string[]) ?? [])]).toContain(part);
  },
);

describe('what is not built is refused by name', () => {
  const refused = ['sources.yaml', 'models.yaml'].flatMap((file) => documents(fixture(file)).flatMap(refusals));

  test.each([
    `extract.crawl is not built yet in ${version}; built: rest, files`,
    `transform.engine: Warehouse is not built yet in ${version}; built: DuckDB`,
    `live is not built yet in ${version}`,
  ])('%s', (what) => {
    expect(refused.filter((message) => message.endsWith(`: ${what}`))).not.toEqual([]);
  });

  test('every part of the list, somewhere', () => {
    const parts = unbuilt.flatMap(({ at, parts }) => parts.map((part) => [at, part] as const));
    const missing = parts.filter(
      ([at, part]) =>
        !refused.some(
          (message) => message.includes(`${at.split('.').at(-1)?.replace('[]', '')}`) && message.includes(part),
        ),
    );
    // Three words of one list, of which a dataset can use one.
    expect(missing.map(([, part]) => part)).toEqual(['DiscardRow', 'DiscardValue']);
  });

  test('with its place in the file', () => {
    const checked = parsePipeline(fixture('small.yaml').replace('jsonl: {}', 'parquet: {}'), 'ferry.yaml');
    expect(checked.ok ? [] : checked.problems.map(problemText)).toEqual([
      `ferry.yaml:13:9: spec.datasets[0].format.parquet: format.parquet is not built yet in ${version}; built: json, jsonl, csv. Use json or jsonl or csv.`,
    ]);
  });
});

test('what is built is accepted', () => {
  expect(parsePipeline(fixture('small.yaml'), 'ferry.yaml').ok).toBe(true);
});

function refusals(value: unknown): string[] {
  const checked = checkPipeline(value, { policies: [...meaning, onlyBuilt] });
  return checked.ok ? [] : checked.problems.map(({ message }) => message);
}

test('nothing is asked for by an empty list', () => {
  const checked = checkPipeline(documents(fixture('small.yaml'))[0]);
  const pipeline: Pipeline | undefined = checked.ok ? checked.pipeline : undefined;
  expect(pipeline?.spec).toMatchObject({ taxonomies: [], alerts: [] });
});
