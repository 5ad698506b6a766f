import { literal, literals } from '../connectors/duckdb.ts';
import { TerminalError } from '../run/errors.ts';
import { type JsonPath, parseJsonPath } from './jsonPath.ts';
import type { Want } from './records.ts';
import { type Field, fieldColumns } from './relation.ts';

type Path = JsonPath & Want;

/**
 * Takes the wanted values out of `record`, a JSON column of `table`, and leaves `_file`, `_source_row`, `_broken` and
 * `_found` as they are. All plain values come from one pass over the record.
 */
export function jsonFields(table: string, wants: readonly Want[]): string {
  const paths = wants.map((want) => ({ ...want, ...parseJsonPath(want.from) }));
  const plain = [...new Set(paths.filter(({ many }) => !many).map(({ path }) => path))];
  const text = ({ path }: Path) => `_texts[${plain.indexOf(path) + 1}]`;
  const texts = plain.length === 0 ? 'NULL' : `json_extract_string(record, ${literals(plain)})`;
  const columns = fieldColumns(paths, (_, at) => fieldOf(paths[at] as Path, text));
  return (
    `(SELECT _file, _source_row, _broken, _found, ${columns} FROM (SELECT *, ${texts} AS _texts FROM ${table}) ` +
    'AS _extracted)'
  );
}

function fieldOf(want: Path, text: (path: Path) => string): Field {
  switch (want.as) {
    case 'text':
      return textOf(want, text);
    case 'list':
      return listOf(want, text);
    case 'json':
      return { value: `nullif(to_json(json_extract(record, ${literal(want.path)}))::VARCHAR, 'null')`, odd: 'false' };
  }
}

/** Only what looks like an object or a list is looked at again: a text may well begin with a bracket. */
const compound = (value: string, type: string): string =>
  `coalesce(CASE WHEN ${value}[1] IN ('{', '[') THEN ${type} IN ('OBJECT', 'ARRAY') END, false)`;

function textOf(want: Path, text: (path: Path) => string): Field {
  if (want.many) {
    const fix = 'make the type of the column list<…>, or name one member, such as [0]';
    throw new TerminalError('PathInvalid', `${want.from} finds several values where one is wanted; ${fix}`);
  }
  const value = text(want);
  const type = `json_type(record, ${literal(want.path)})`;
  return { value: inTextForm(value, type, want.decimal), odd: compound(value, type) };
}

const inTextForm = (value: string, type: string, decimal = '.'): string =>
  decimal === '.'
    ? value
    : `CASE WHEN ${type} = 'DOUBLE' THEN replace(${value}, '.', ${literal(decimal)}) ELSE ${value} END`;

/** A path without wildcard may find a list as well, or one value, which is a list of one. */
function listOf(want: Path, text: (path: Path) => string): Field {
  const members = literal(want.many ? want.path : `${want.path}[*]`);
  const odd = `len(list_filter(json_extract(record, ${members}), lambda x: json_type(x) IN ('OBJECT', 'ARRAY'))) > 0`;
  const all = `json_extract_string(record, ${members})`;
  if (want.many) return { value: all, odd };
  const one = text(want);
  const type = `json_type(record, ${literal(want.path)})`;
  return {
    value: `CASE ${type} WHEN 'ARRAY' THEN ${all} ELSE CASE WHEN ${one} IS NOT NULL THEN [${one}] END END`,
    odd: `coalesce(CASE ${type} WHEN 'ARRAY' THEN ${odd} WHEN 'OBJECT' THEN true END, false)`,
  };
}
