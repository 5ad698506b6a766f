import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { installationPage } from '../../../../src/controller/kubernetes/installationPage.ts';
import { poolSettings } from '../../../../src/controller/kubernetes/render/pools.ts';
import { fullInstallation, installationOf, smallInstallation, stored, usual } from './world.ts';

test('what is wrong with an installation is told at once, with places', () => {
  const wrong =
    'id: Harbour\nimage: {name: x, pullPolicy: Sometimes}\nlake: {}\nredis: {secret: {name: r}, url: redis://x}\n';
  expect(() => installationOf(wrong)).toThrow(/installation\.yaml is not valid:/);
  for (const place of [
    /installation.yaml:1:.* id: /,
    /image\.pullPolicy/,
    /redis\.url: unknown field/,
    /lake: exactly one/,
  ]) {
    expect(() => installationOf(wrong)).toThrow(place);
  }
});

test('a pool has what its Pipeline says, else its installation, else what is sensible', () => {
  const small = installationOf(smallInstallation);
  const full = installationOf(fullInstallation);
  const pipeline = stored(`${usual}\n  workers: {clean: {provider: External, maxReplicas: 2}}\n`);
  expect(poolSettings(stored(usual), small, 'extract')).toMatchObject({
    provider: 'Internal',
    min: 0,
    max: 8,
    concurrency: 4,
    globalConcurrency: 2,
  });
  expect(poolSettings(stored(usual), full, 'extract')).toMatchObject({ min: 1, max: 1, concurrency: 8 });
  expect(poolSettings(stored(usual), full, 'clean')).toMatchObject({ min: 0, max: 9, concurrency: 2 });
  expect(poolSettings(pipeline, full, 'clean')).toMatchObject({ provider: 'External', min: 0, max: 2 });
});

test('a pool of extract knows what its sources allow together, when all of them say so', () => {
  const small = installationOf(smallInstallation);
  const limited = (...limits: readonly (object | undefined)[]) => {
    const { metadata, spec } = stored(usual);
    const [dataset] = spec.datasets;
    if (!dataset) throw new Error('the usual Pipeline has a dataset');
    const datasets = limits.map((each, index) => ({
      ...dataset,
      name: `jobs-${index}`,
      extract: { ...dataset.extract, limits: each },
    }));
    const { globalConcurrency, startsPerSecond } = poolSettings(
      { ...stored(usual), metadata, spec: { ...spec, datasets } } as ReturnType<typeof stored>,
      small,
      'extract',
    );
    return { globalConcurrency, startsPerSecond };
  };
  const a = { key: 'a', concurrency: 4, rate: { requests: 30, per: '1m' } };
  const stricter = { key: 'a', concurrency: 9, rate: { requests: 1, per: '10s' } };
  const b = { key: 'b', concurrency: 2, rate: { requests: 5, per: '1s' } };
  expect(limited(a)).toEqual({ globalConcurrency: 4, startsPerSecond: 0.5 });
  expect(limited(a, stricter, b)).toEqual({ globalConcurrency: 6, startsPerSecond: 5.1 });
  expect(limited(a, { key: 'c', concurrency: 1 })).toEqual({ globalConcurrency: 5, startsPerSecond: undefined });
  expect(limited(a, undefined)).toEqual({ globalConcurrency: undefined, startsPerSecond: undefined });
});

test('the embedded warehouse has one worker at most, with one step at a time', () => {
  const many = stored(`${usual}\n  workers: {warehouse: {minReplicas: 3, maxReplicas: 4, concurrency: 5}}\n`);
  expect(poolSettings(many, installationOf(smallInstallation), 'warehouse')).toMatchObject({
    min: 1,
    max: 1,
    concurrency: 1,
  });
});

test.each([
  ['s3: {bucket: jobs, endpoint: "https://minio.example/jobs"}', /lake\.s3\.endpoint/],
  ['s3: {bucket: jobs, prefix: /raw/}', /lake\.s3\.prefix/],
  ['s3: {prefix: raw}', /lake\.s3\.bucket/],
  ['{s3: {bucket: jobs}, filesystem: {claimName: lake}}', /lake: exactly one/],
])('a lake %s is refused', (lake, why) => {
  const text = smallInstallation.replace(
    '{filesystem: {claimName: jobpulse-lake}}',
    lake.startsWith('{') ? lake : `{${lake}}`,
  );
  expect(() => installationOf(text)).toThrow(why);
});

test('the reference page is as new as the schema (else: npm run generate)', () => {
  const page = join(import.meta.dirname, '..', '..', '..', '..', 'docs', 'reference', 'installation.md');
  expect(readFileSync(page, 'utf8')).toBe(installationPage());
});
