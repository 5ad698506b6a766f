import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type Pipeline, parsePipeline } from '../../src/api/index.ts';
import { startUsajobs } from '../servers/usajobs/double.ts';
import { usualSearch } from '../servers/usajobs/search.ts';
import { root } from './markdown.ts';

const examples = join(root, 'examples');
const manifests = globSync('*/pipeline.yaml', { cwd: examples }).sort();
const kustomizations = globSync('**/kustomization.yaml', { cwd: examples }).sort();

function readPipeline(path: string): Pipeline {
  const result = parsePipeline(readFileSync(join(examples, path), 'utf8'), path);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.pipeline;
}

test('there are examples', () => {
  expect(manifests).toEqual(expect.arrayContaining(['usajobs/pipeline.yaml', 'vacancies/pipeline.yaml']));
});

describe.each(manifests)('%s', (path) => {
  test('is a valid Pipeline named like its folder', () => {
    expect(readPipeline(path).metadata.name).toBe(dirname(path));
  });

  test('reads files that are there', () => {
    const paths = readPipeline(path).spec.datasets.flatMap(({ extract }) => extract.files?.paths ?? []);
    const missing = paths.filter((name) => globSync(name, { cwd: join(examples, dirname(path)) }).length === 0);
    expect(missing).toEqual([]);
  });

  test('has a README and a kustomization beside it', () => {
    const beside = (name: string) => existsSync(join(examples, dirname(path), name));
    expect(beside('README.md')).toBe(true);
    expect(beside('kustomization.yaml')).toBe(true);
  });

  test('has something to tell about each model', () => {
    const models = readPipeline(path).spec.transform?.models ?? [];
    expect(models.length).toBeGreaterThan(0);
    expect(models.filter(({ insight }) => insight === undefined)).toEqual([]);
  });
});

interface Kustomization {
  readonly resources: readonly string[];
  readonly patches?: readonly { readonly path: string }[];
}

describe.each(kustomizations)('%s', (path) => {
  test('names files that are there', () => {
    const { resources, patches = [] } = parse(readFileSync(join(examples, path), 'utf8')) as Kustomization;
    const named = [...resources, ...patches.map((patch) => patch.path)];
    expect(named.filter((name) => !existsSync(join(examples, dirname(path), name)))).toEqual([]);
    expect(named.length).toBeGreaterThan(0);
  });
});

describe('the usajobs example and its double', () => {
  const { spec } = readPipeline('usajobs/pipeline.yaml');
  const rest = spec.datasets[0]?.extract.rest;
  const overlay = (name: string): unknown =>
    parse(readFileSync(join(examples, 'overlays/usajobs-double', name), 'utf8'));

  test('mean the same search', () => {
    const defaults = Object.fromEntries(spec.params.map((param) => [param.name, param.default]));
    const query = Object.entries(rest?.query ?? {}).map(([name, value]) => {
      const [, param = ''] = /^\{\{ params\.(\w+) \}\}$/.exec(value) ?? [];
      return [name, param === '' ? value : String(defaults[param])];
    });
    expect(Object.fromEntries(query)).toEqual({ ...usualSearch, Fields: 'Full' });
  });

  test('the overlay changes the address and nothing else', () => {
    const base = parse(readFileSync(join(examples, 'usajobs/pipeline.yaml'), 'utf8')) as Record<string, unknown>;
    const patches = overlay('double.yaml') as readonly { op: string; path: string; value: unknown }[];
    expect(patches.map(({ op }) => op)).toEqual(['replace']);
    for (const { path, value } of patches) {
      const before = path
        .slice(1)
        .split('/')
        .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], base);
      expect(before).toBe(rest?.baseUrl);
      expect(value).toMatch(/^http:\/\//);
    }
  });

  test('the Secret of the overlay holds what the manifest reads and the double expects', async () => {
    const secret = overlay('secret.yaml') as { metadata: { name: string }; stringData: Record<string, string> };
    const double = await startUsajobs({ postings: 1 });
    await double.close();
    const sent = Object.fromEntries(
      (rest?.headers ?? []).map(({ name, valueFrom }) => {
        expect(valueFrom?.secretKeyRef.name).toBe(secret.metadata.name);
        return [name, secret.stringData[valueFrom?.secretKeyRef.key ?? '']];
      }),
    );
    expect(sent).toEqual({ 'Authorization-Key': double.key, 'User-Agent': double.agent });
  });
});
