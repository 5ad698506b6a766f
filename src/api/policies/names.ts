import { type Finding, type Path, shown } from '../problem.ts';
import { datasetsOf, type Policy } from './policy.ts';

/** Datasets, their aliases and models are tables of one schema, so no two may share a name. */
export const distinctNames: Policy = (pipeline) => {
  const tables = datasetsOf(pipeline).flatMap(({ dataset, at }) => [
    { name: dataset.name, at: [...at, 'name'] },
    ...dataset.aliases.map((name, index) => ({ name, at: [...at, 'aliases', index] })),
  ]);
  const models = (pipeline.spec.transform?.models ?? []).map(({ name }, index) => ({
    name,
    at: ['spec', 'transform', 'models', index, 'name'],
  }));
  return clashes([...tables, ...models], 'datasets, their aliases and models share one name space');
};

/** The names of headers do not mind case, so that `apikey` and `ApiKey` are one. */
export const distinctHeaders: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) => {
    const headers = dataset.extract.rest?.headers ?? [];
    const named = headers.map(({ name }, index) => ({
      name: name.toLowerCase(),
      at: [...at, 'extract', 'rest', 'headers', index, 'name'],
    }));
    return clashes(named, 'names of headers do not mind case');
  });

function clashes(named: readonly { readonly name: string; readonly at: Path }[], why: string): Finding[] {
  const seen = new Set<string>();
  return named.flatMap(({ name, at }) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [{ at, what: `found ${shown(name)}, which is taken: ${why}`, found: shown(name), fix: 'Use another name.' }];
  });
}
