import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkStored } from '../../../../src/controller/kubernetes/pipelines/check.ts';
import { covers } from '../../../../src/controller/kubernetes/pipelines/covers.ts';
import { renderPipeline } from '../../../../src/controller/kubernetes/render/index.ts';
import type { StoredPipeline } from '../../../../src/controller/kubernetes/stored.ts';
import type { Json } from '../../../../src/run/key.ts';
import { fullInstallation, installationOf, smallInstallation, stored, usual } from '../render/world.ts';

const small = installationOf(smallInstallation);

const problemsOf = (pipeline: StoredPipeline, installation = small): readonly string[] => {
  const checked = checkStored(pipeline, installation);
  return checked.ok ? [] : checked.problems.map(({ message }) => message);
};

test('what only a cluster can refuse is refused with a place and a way out', () => {
  const workers = (text: string) => stored(`${usual}\n  workers: ${text}\n`);
  expect(problemsOf(stored(usual))).toEqual([]);
  expect(problemsOf(workers('{extract: {maxReplicas: 3}}'))).toEqual([]);
  expect(problemsOf(workers('{clean: {resources: {requests: {memory: 2Gi}, limits: {memory: 1024Mi}}}}'))).toEqual([
    'spec.workers.clean.resources.requests.memory: found 2Gi, which is more than the limit 1024Mi; allowed: at most 1024Mi',
  ]);
  expect(problemsOf(stored(usual.replace('key: api-key', 'key: ..')))).toEqual([
    'spec: found the secret jobs, key .., which no Secret can have',
  ]);
  const files = stored(usual.replace(/rest:[\s\S]*?query: .*$/m, 'files: {paths: ["*.json"]}'));
  expect(problemsOf(files)).toEqual([
    'spec.datasets[0].extract.files: found files, but this installation has no volume of files',
  ]);
  expect(problemsOf(files, installationOf(fullInstallation))).toEqual([]);
});

test('a status that another version wrote is no reason to refuse a spec', () => {
  expect(problemsOf({ ...stored(usual), status: { of: 'tomorrow' } as never })).toEqual([]);
});

/** Puts anything into any one place of an object. */
function changed(value: Json | undefined, path: readonly number[], into: Json): Json {
  const [at, ...rest] = path;
  if (at === undefined || typeof value !== 'object' || value === null) return into;
  const names = Object.keys(value);
  const name = names[at % Math.max(names.length, 1)] ?? 'added';
  const member = changed((value as Readonly<Record<string, Json>>)[name], rest, into);
  if (Array.isArray(value)) return value.map((item, index) => (String(index) === name ? member : item));
  return { ...value, [name]: member };
}

test('whatever is stored is refused or rendered, and never a surprise', () => {
  const seen = { valid: 0, refused: 0 };
  const usualPools = '{extract: {maxReplicas: 1, minReplicas: 0}, clean: {resources: {limits: {memory: 1Gi}}}}';
  const base = stored(`${usual}\n  workers: ${usualPools}\n`);
  const anything = fc.oneof(fc.jsonValue(), fc.constantFrom('1', 'a', '@daily', 'UTC', '{{ params.x }}', 2, true, []));
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 9 }), anything, fc.boolean(), (path, into, keep) => {
      const spec = keep ? base.spec : (changed(base.spec as unknown as Json, path, into as Json) as never);
      const description = keep ? { description: `d${path.join('')}` } : {};
      const checked = checkStored(
        { ...base, spec: typeof spec === 'object' ? { ...spec, ...description } : spec },
        small,
      );
      seen[checked.ok ? 'valid' : 'refused'] += 1;
      if (checked.ok) expect(renderPipeline(checked.pipeline, small).length).toBeGreaterThan(0);
      else expect(checked.problems.every(({ message, fix }) => message !== '' && fix !== '')).toBe(true);
    }),
    { numRuns: 500 },
  );
  expect(seen.valid).toBeGreaterThan(200);
  expect(seen.refused).toBeGreaterThan(100);
});

test('what is there covers what is wanted, whatever else is there', () => {
  expect(covers({ a: 1, b: 2 }, { a: 1 })).toBe(true);
  expect(covers({ a: 1 }, { a: 1, b: 2 })).toBe(false);
  expect(covers({ cpu: '1' }, { cpu: '1000m' })).toBe(true);
  expect(covers({ memory: '512Mi' }, { memory: '0.5Gi' })).toBe(true);
  expect(covers({ image: 'a:1' }, { image: 'a:2' })).toBe(false);
  expect(covers({}, { labels: {}, except: [] })).toBe(true);
  expect(covers([{ name: 'theirs' }, { name: 'ours', value: '1' }], [{ name: 'ours', value: '1' }])).toBe(true);
  expect(covers([{ port: 1 }, { port: 2 }], [{ port: 1 }])).toBe(false);
  fc.assert(fc.property(fc.jsonValue(), (value) => covers(value as Json, value as Json)));
});
