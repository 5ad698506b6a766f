import { systemColumns } from '../columnNames.ts';
import { loadedNames } from './columns.ts';
import { datasetsOf, type Policy, unknownName, unknownNames } from './policy.ts';

/** Datasets and columns that something outside the dataset names are there. */
export const knownDatasets: Policy = (pipeline) => {
  const names = pipeline.spec.datasets.map(({ name }) => name);
  const items = datasetsOf(pipeline).flatMap(({ dataset, at }) => {
    const source = dataset.extract.rest?.forEach?.dataset;
    const others = names.filter((name) => name !== dataset.name);
    const place = [...at, 'extract', 'rest', 'forEach', 'dataset'];
    return source === undefined ? [] : unknownName(place, source, 'other dataset', others);
  });
  const counters = (pipeline.spec.live?.counters ?? []).flatMap((counter, index) => {
    const at = ['spec', 'live', 'counters', index];
    const dataset = pipeline.spec.datasets.find(({ name }) => name === counter.dataset);
    if (!dataset) return unknownName([...at, 'dataset'], counter.dataset, 'dataset', names);
    const columns = loadedNames(dataset);
    const what = `loaded column of ${dataset.name}`;
    return [
      ...unknownName([...at, 'time'], counter.time, what, columns),
      ...unknownNames([...at, 'by'], counter.by, what, columns),
    ];
  });
  return [...items, ...counters];
};

/** Requests for the rows of datasets that ask for one another's rows would never begin. */
export const endingForEach: Policy = (pipeline) => {
  const sources = new Map(pipeline.spec.datasets.map(({ name, extract }) => [name, extract.rest?.forEach?.dataset]));
  return datasetsOf(pipeline).flatMap(({ dataset, at }) => {
    const way = [dataset.name];
    for (let next = sources.get(dataset.name); next !== undefined && !way.includes(next); next = sources.get(next)) {
      way.push(next);
    }
    const last = sources.get(way.at(-1) ?? '');
    if (last !== dataset.name || way.length < 2) return [];
    const found = [...way, last].join(' → ');
    const place = [...at, 'extract', 'rest', 'forEach', 'dataset'];
    return [{ at: place, what: `found a circle: ${found}`, found, fix: 'Let one of them ask without forEach.' }];
  });
};

/** What a `relation` check points to is a table of this pipeline. The columns of models are known only to SQL. */
export const knownRelations: Policy = ({ spec }) => {
  const models = spec.transform?.models ?? [];
  const tables = [...spec.datasets, ...models].map(({ name }) => name);
  return models.flatMap(({ checks }, modelIndex) =>
    checks.flatMap(({ relation }, checkIndex) => {
      if (!relation) return [];
      const at = ['spec', 'transform', 'models', modelIndex, 'checks', checkIndex, 'relation', 'to'];
      const [table = '', column = ''] = relation.to.split('.');
      const dataset = spec.datasets.find(({ name }) => name === table);
      if (!dataset) return unknownName(at, table, 'dataset or model', tables);
      return unknownName(at, column, `loaded column of ${table}`, [...loadedNames(dataset), ...systemColumns]);
    }),
  );
};
