import { loadedColumns, systemColumns } from '../columnNames.ts';
import type { Dataset } from '../pipeline.ts';
import type { Finding, Path } from '../problem.ts';
import { datasetsOf, type Policy, unknownName, unknownNames } from './policy.ts';

/** Columns that are named somewhere in a dataset are declared in it. */
export const knownColumns: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) => [
    ...identity(dataset, at),
    ...partitions(dataset, at),
    ...derived(dataset, at),
    ...unknownNames(
      [...at, 'clean', 'quarantine', 'groupBy'],
      dataset.clean.quarantine?.groupBy ?? [],
      `column of ${dataset.name}`,
      dataset.clean.columns.map(({ name }) => name),
    ),
  ]);

function identity(dataset: Dataset, at: Path): Finding[] {
  const { key, version, load, clean } = dataset;
  const loaded = loadedNames(dataset);
  const what = `loaded column of ${dataset.name}`;
  const keyed = key.flatMap((name, index) => {
    const type = clean.columns.find((column) => column.name === name)?.type ?? 'string';
    if (type !== 'json' && !type.startsWith('list<')) return [];
    const found = `${name} of type ${type}`;
    return [
      {
        at: [...at, 'key', index],
        what: `found ${found}`,
        found,
        allowed: 'types but json and lists',
        fix: 'Use another column.',
      },
    ];
  });
  const identifying = load.ignoreChanges.flatMap((name, index) => {
    if (!key.includes(name) && name !== version) return [];
    const fix = 'Leave it out: a key never changes, and a version is there to tell of changes.';
    return [
      {
        at: [...at, 'load', 'ignoreChanges', index],
        what: `found ${name}, which is the key or version`,
        found: name,
        fix,
      },
    ];
  });
  return [
    ...unknownNames([...at, 'key'], key, what, loaded),
    ...keyed,
    ...(version === undefined ? [] : unknownName([...at, 'version'], version, what, loaded)),
    ...unknownNames([...at, 'load', 'ignoreChanges'], load.ignoreChanges, what, loaded),
    ...identifying,
  ];
}

function partitions(dataset: Dataset, at: Path): Finding[] {
  const { clean, load, name } = dataset;
  const loaded = loadedNames(dataset);
  const lists = [
    { by: clean.partitionBy, under: 'clean', known: loaded },
    { by: load.partitionBy, under: 'load', known: [...loaded, 'transfer_date'] },
  ];
  return lists.flatMap(({ by, under, known }) =>
    by.flatMap(({ column, unit }, index) => {
      const place = [...at, under, 'partitionBy', index];
      const type = clean.columns.find((declared) => declared.name === column)?.type ?? 'date';
      if (unit === undefined || type === 'date' || type === 'timestamp') {
        return unknownName([...place, 'column'], column, `loaded column of ${name}`, known);
      }
      const what = `found a unit for ${column} of type ${type}`;
      return [{ at: [...place, 'unit'], what, found: unit, allowed: 'for date and timestamp', fix: 'Leave unit out.' }];
    }),
  );
}

/** `bands` and `pseudonym` read columns that stand before them. */
function derived({ clean, name }: Dataset, at: Path): Finding[] {
  return clean.columns.flatMap((column, index) => {
    const place = [...at, 'clean', 'columns', index];
    const earlier = clean.columns.slice(0, index);
    const names = earlier.map((before) => before.name);
    const numeric = earlier.filter(({ type }) => /^(integer|bigint|double|decimal)/.test(type));
    const { bands, pseudonym = [] } = column;
    const numbers = numeric.map((before) => before.name);
    return [
      ...(bands ? unknownName([...place, 'bands', 'of'], bands.of, `earlier numeric column of ${name}`, numbers) : []),
      ...unknownNames([...place, 'pseudonym'], pseudonym, `earlier column of ${name}`, names),
    ];
  });
}

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

const loadedNames = ({ clean }: Dataset): string[] => loadedColumns(clean).map(({ name }) => name);
