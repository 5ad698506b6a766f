import { loadedColumns } from '../columnNames.ts';
import type { Dataset } from '../pipeline.ts';
import type { Finding, Path } from '../problem.ts';
import { datasetsOf, type Policy, unknownName, unknownNames } from './policy.ts';

/** Columns that are named somewhere in a dataset are declared in it. */
export const knownColumns: Policy = (pipeline) =>
  datasetsOf(pipeline).flatMap(({ dataset, at }) => [
    ...identity(dataset, at),
    ...comparableKey(dataset, at),
    ...ignoredIdentity(dataset, at),
    ...typedForLoad(dataset, at),
    ...partitions(dataset, at),
    ...derived(dataset, at),
    ...quarantineGroups(dataset, at),
  ]);

function identity(dataset: Dataset, at: Path): Finding[] {
  const { key, version, load } = dataset;
  const loaded = loadedNames(dataset);
  const what = `loaded column of ${dataset.name}`;
  return [
    ...unknownNames([...at, 'key'], key, what, loaded),
    ...(version === undefined ? [] : unknownName([...at, 'version'], version, what, loaded)),
    ...unknownNames([...at, 'load', 'ignoreChanges'], load.ignoreChanges, what, loaded),
    ...(load.tombstone === undefined ? [] : unknownName([...at, 'load', 'tombstone'], load.tombstone, what, loaded)),
  ];
}

function comparableKey({ key, clean }: Dataset, at: Path): Finding[] {
  return key.flatMap((name, index) => {
    const type = typeOf(clean, name) ?? 'string';
    if (type !== 'json' && !type.startsWith('list<')) return [];
    const found = `${name} of type ${type}`;
    const fix = 'Use another column.';
    return [{ at: [...at, 'key', index], what: `found ${found}`, found, allowed: 'types but json and lists', fix }];
  });
}

function ignoredIdentity({ key, version, load }: Dataset, at: Path): Finding[] {
  return load.ignoreChanges.flatMap((name, index) => {
    if (!key.includes(name) && name !== version) return [];
    const what = `found ${name}, which is the key or version`;
    const fix = 'Leave it out: a key never changes, and a version is there to tell of changes.';
    return [{ at: [...at, 'load', 'ignoreChanges', index], what, found: name, fix }];
  });
}

/** A tombstone is true or not; history that is told by versions needs moments. */
function typedForLoad({ version, load, clean }: Dataset, at: Path): Finding[] {
  const wrong = (place: Path, name: string, allowed: readonly string[], why: string): Finding[] => {
    const type = typeOf(clean, name);
    if (type === undefined || allowed.includes(type)) return [];
    const found = `${name} of type ${type}`;
    const fix = `Use a column of type ${allowed.join(' or ')}.`;
    return [{ at: place, what: `found ${found}, but ${why}`, found, allowed: allowed.join(', '), fix }];
  };
  const { tombstone, mode } = load;
  const isHistory = version !== undefined && mode === 'SCD2';
  return [
    ...(tombstone === undefined
      ? []
      : wrong([...at, 'load', 'tombstone'], tombstone, ['boolean'], 'a tombstone is true or false')),
    ...(isHistory
      ? wrong([...at, 'version'], version, ['date', 'timestamp'], 'mode SCD2 tells by it since when a row holds')
      : []),
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
      const type = typeOf(clean, column) ?? 'date';
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
  return clean.columns.flatMap(({ bands, pseudonym = [] }, index) => {
    const place = [...at, 'clean', 'columns', index];
    const earlier = clean.columns.slice(0, index);
    const numeric = earlier.filter(({ type }) => /^(integer|bigint|double|decimal)/.test(type)).map(nameOf);
    return [
      ...(bands ? unknownName([...place, 'bands', 'of'], bands.of, `earlier numeric column of ${name}`, numeric) : []),
      ...unknownNames([...place, 'pseudonym'], pseudonym, `earlier column of ${name}`, earlier.map(nameOf)),
    ];
  });
}

function quarantineGroups({ clean, name }: Dataset, at: Path): Finding[] {
  const place = [...at, 'clean', 'quarantine', 'groupBy'];
  return unknownNames(place, clean.quarantine?.groupBy ?? [], `column of ${name}`, clean.columns.map(nameOf));
}

const nameOf = ({ name }: { readonly name: string }): string => name;

const typeOf = ({ columns }: Dataset['clean'], name: string): string | undefined =>
  columns.find((column) => column.name === name)?.type;

/** Names of the columns that the table of a dataset has. */
export const loadedNames = ({ clean }: Dataset): string[] => loadedColumns(clean).map(nameOf);
