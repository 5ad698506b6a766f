import { version } from '../version.ts';
import type { Policy } from './policies/policy.ts';
import type { Finding, Path } from './problem.ts';

/**
 * What the vocabulary has and this version does not do yet. When a part is built, strike its word here;
 * a test holds every word against the schema.
 */
export interface Unbuilt {
  /** Where: a path below `spec`, with `[]` for every item of a list. */
  readonly at: string;
  /** Members or values that are refused there. */
  readonly parts: readonly string[];
  /** What does the same job and is built. */
  readonly built?: readonly string[];
}

/** The list. */
export const unbuilt: readonly Unbuilt[] = [
  { at: 'datasets[].extract', parts: ['stream', 'crawl'], built: ['rest', 'files'] },
  { at: 'datasets[].extract.files', parts: ['http', 'sharepoint'], built: ['paths'] },
  { at: 'datasets[].format', parts: ['excel', 'parquet', 'html'], built: ['json', 'jsonl', 'csv'] },
  { at: 'datasets[].clean', parts: ['quarantine'] },
  { at: 'datasets[].clean.contract', parts: ['Freeze', 'DiscardRow', 'DiscardValue'], built: ['Evolve'] },
  { at: 'transform.engine', parts: ['Warehouse'], built: ['DuckDB'] },
  { at: 'transform.models[]', parts: ['aggregate'] },
  { at: 'warehouse', parts: ['bigquery', 'snowflake', 'mongodb'], built: ['duckdb', 'postgres'] },
  { at: '', parts: ['lake', 'queue', 'live', 'taxonomies'] },
];

/** Refuses, by name, what this version does not do: nothing that a manifest asks for is left undone in silence. */
export const onlyBuilt: Policy = ({ spec }) =>
  unbuilt.flatMap(({ at, parts, built = [] }) =>
    placesOf(spec, ['spec'], at.split('.')).flatMap((place) =>
      parts.filter((part) => asksFor(place.value, part)).map((part) => refusal(place, part, at, built)),
    ),
  );

function refusal({ value, path }: Place, part: string, at: string, built: readonly string[]): Finding {
  const isValue = typeof value === 'string';
  const place = at.replace(/^datasets\[\]\.?/, '').replaceAll('[]', '');
  const name = place === '' ? part : `${place}${isValue ? ': ' : '.'}${part}`;
  const instead = built.length === 0 ? '' : `; built: ${built.join(', ')}`;
  return {
    at: isValue ? path : [...path, part],
    what: `${name} is not built yet in ${version}${instead}`,
    found: name,
    fix: built.length === 0 ? 'Leave it out.' : `Use ${built.join(' or ')}.`,
  };
}

/** Whether a value is, or has as a member, a part; an empty list asks for nothing. */
function asksFor(value: unknown, part: string): boolean {
  if (typeof value !== 'object' || value === null) return value === part;
  const member = (value as Readonly<Record<string, unknown>>)[part];
  return member !== undefined && !(Array.isArray(member) && member.length === 0);
}

interface Place {
  readonly value: unknown;
  readonly path: Path;
}

function placesOf(value: unknown, path: Path, [step = '', ...rest]: readonly string[]): Place[] {
  if (step === '') return [{ value, path }];
  if (typeof value !== 'object' || value === null) return [];
  const name = step.replace('[]', '');
  const member = (value as Readonly<Record<string, unknown>>)[name];
  if (member === undefined) return [];
  if (!step.endsWith('[]')) return placesOf(member, [...path, name], rest);
  return (member as unknown[]).flatMap((item, index) => placesOf(item, [...path, name, index], rest));
}
