import { parseDocument } from 'yaml';
import type { Json } from '../run/key.ts';
import { CliError, exitCodes } from './exit.ts';

/** `path=value`, as `--set` takes it. */
export type Override = readonly [path: string, value: string];

type Key = string | number;

/** `spec.datasets[0].name` as `['spec', 'datasets', 0, 'name']`. */
export const keysOf = (path: string): Key[] =>
  [...path.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));

/** A manifest with `--set spec.datasets[0].extract.rest.baseUrl=…` applied: text stays text, other values are read as YAML. */
export const withOverrides = (manifest: Json, overrides: readonly Override[]): Json =>
  overrides.reduce((before, [path, text]) => {
    const toValue = (found: Json | undefined): Json => (typeof found === 'string' ? text : readValue(path, text));
    return replaced(before, keysOf(path), toValue, path);
  }, manifest);

function replaced(
  before: Json | undefined,
  [key, ...rest]: readonly Key[],
  toValue: (found: Json | undefined) => Json,
  path: string,
): Json {
  if (key === undefined) return toValue(before);
  if (typeof key === 'number') {
    const list = before ?? [];
    if (!Array.isArray(list) || key > list.length) throw nowhere(path);
    return list.toSpliced(key, 1, replaced(list[key], rest, toValue, path));
  }
  const object = before ?? {};
  if (!isObject(object)) throw nowhere(path);
  return { ...object, [key]: replaced(object[key], rest, toValue, path) };
}

const isObject = (value: Json): value is { readonly [name: string]: Json | undefined } =>
  typeof value === 'object' && !Array.isArray(value);

function readValue(path: string, text: string): Json {
  const document = parseDocument(text, { prettyErrors: false });
  const [error] = document.errors;
  if (error) throw new CliError(exitCodes.invalid, `--set ${path}: the value is not valid YAML: ${error.message}`);
  return document.toJS() as Json;
}

const nowhere = (path: string): CliError =>
  new CliError(exitCodes.invalid, `--set ${path}: the manifest has nothing at that path to set a value in`);
