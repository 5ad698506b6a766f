import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PipelineSpec } from '../../../../src/api/index.ts';
import { renderPipeline } from '../../../../src/controller/kubernetes/render/index.ts';
import { canonical, type Json } from '../../../../src/run/key.ts';
import { installationOf, smallInstallation, stored, usual } from './world.ts';

const installation = installationOf(smallInstallation);
const { spec: base } = stored(usual);

type Change = (spec: PipelineSpec) => PipelineSpec;

const inDatasets =
  (change: (dataset: PipelineSpec['datasets'][number]) => PipelineSpec['datasets'][number]): Change =>
  (spec) => ({ ...spec, datasets: spec.datasets.map(change) });

const word = fc.stringMatching(/^[a-z]{1,8}$/);

/** What steps are to do: it is in the lake, not in pods. */
const rules = fc.oneof(
  word.map(
    (description): Change =>
      (spec) => ({ ...spec, description }),
  ),
  fc.constantFrom('@daily', '0 * * * *').map(
    (schedule): Change =>
      (spec) => ({ ...spec, schedule }),
  ),
  fc.constantFrom('Europe/Lisbon', 'America/Chicago').map(
    (timeZone): Change =>
      (spec) => ({ ...spec, timeZone }),
  ),
  fc.boolean().map(
    (suspend): Change =>
      (spec) => ({ ...spec, suspend }),
  ),
  word.map((path) =>
    inDatasets((dataset) => ({
      ...dataset,
      extract: {
        ...dataset.extract,
        ...(dataset.extract.rest && { rest: { ...dataset.extract.rest, path: `/${path}` } }),
      },
    })),
  ),
  word.map((name) =>
    inDatasets((dataset) => ({
      ...dataset,
      clean: { ...dataset.clean, columns: [...dataset.clean.columns, { ...dataset.clean.columns[0], name } as never] },
    })),
  ),
  fc
    .constantFrom('Merge' as const, 'Append' as const)
    .map((mode) => inDatasets((dataset) => ({ ...dataset, load: { ...dataset.load, mode } }))),
  word.map(
    (name): Change =>
      (spec) => ({
        ...spec,
        transform: { models: [{ name, sql: 'SELECT 1 AS one' }] } as never,
      }),
  ),
  fc
    .integer({ min: 2, max: 9 })
    .map((requests) =>
      inDatasets((dataset) => ({ ...dataset, extract: { ...dataset.extract, limits: { concurrency: requests } } })),
    ),
  // The number of pods is not a part of any of them.
  fc.integer({ min: 0, max: 3 }).map(
    (minReplicas): Change =>
      (spec) => ({
        ...spec,
        workers: {
          ...spec.workers,
          clean: { provider: 'Internal', ...spec.workers?.clean, minReplicas, maxReplicas: 9 },
        },
      }),
  ),
);

/** What a pod is made of, each with the pools whose pods it changes. */
const parts: readonly (readonly [pools: readonly string[], change: Change])[] = [
  [
    ['quay-extract'],
    inDatasets((dataset) => ({
      ...dataset,
      extract: {
        ...dataset.extract,
        rest: {
          ...dataset.extract.rest,
          headers: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'jobs', key: 'another' } } }],
        } as never,
      },
    })),
  ],
  [['quay-clean'], (spec) => ({ ...spec, workers: { clean: { provider: 'Internal', concurrency: 7 } } })],
  [
    ['quay-warehouse'],
    (spec) => ({ ...spec, workers: { warehouse: { provider: 'Internal', resources: { limits: { memory: '3Gi' } } } } }),
  ],
];

/** Name of a workload → its pod template. */
const templates = (spec: PipelineSpec, given = installation): ReadonlyMap<string, string> =>
  new Map(
    renderPipeline({ ...stored(usual), spec }, given).flatMap((object) =>
      object.spec?.template === undefined ? [] : [[object.metadata.name, canonical(object.spec.template as Json)]],
    ),
  );

test('changed rules change no pod, however many', () => {
  const before = templates(base);
  expect([...before.keys()]).toEqual(['quay-extract', 'quay-clean', 'quay-warehouse']);
  fc.assert(
    fc.property(fc.array(rules, { minLength: 1, maxLength: 8 }), (changes) => {
      expect(templates(changes.reduce((spec, change) => change(spec), base))).toEqual(before);
    }),
  );
});

test('what a pod is made of changes the pods of its pool, and no others', () => {
  const before = templates(base);
  for (const [pools, change] of parts) {
    const after = templates(change(base));
    expect([...after].filter(([name, template]) => before.get(name) !== template).map(([name]) => name)).toEqual(pools);
  }
});

test('an upgrade changes the image and nothing else', () => {
  const upgraded = installationOf(smallInstallation.replace('jobpulse:1', 'jobpulse:2'));
  const after = [...templates(base, upgraded).values()].map((template) => template.replace('jobpulse:2', 'jobpulse:1'));
  expect(after).toEqual([...templates(base).values()]);
});

test('no secret is in an environment, and no pod has a secret that its stage does not name', () => {
  const volumes = new Map(
    renderPipeline(stored(usual), installation).flatMap(({ metadata, spec }) => {
      const template = spec?.template as { spec: { volumes: { name: string }[] } } | undefined;
      return template ? [[metadata.name, template.spec.volumes.map(({ name }) => name)] as const] : [];
    }),
  );
  expect(volumes.get('quay-extract')).toContain('secrets');
  expect(volumes.get('quay-clean')).not.toContain('secrets');
  expect(volumes.get('quay-warehouse')).not.toContain('secrets');
  expect(JSON.stringify(renderPipeline(stored(usual), installation))).not.toMatch(/secretKeyRef|envFrom/);
});

test('the key of pseudonyms is mounted into the pods that clean, and into no others', () => {
  const key = '\n  privacy: {pseudonymKey: {secretKeyRef: {name: registry, key: person-key}}}\n';
  const holding = renderPipeline(stored(`${usual}${key}`), installation).filter(({ spec }) =>
    JSON.stringify(spec?.template ?? null).includes('registry/person-key'),
  );
  expect(holding.map(({ metadata }) => metadata.name)).toEqual(['quay-clean']);
});
