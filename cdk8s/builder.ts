import type {
  PipelineManifestSpecDatasets,
  PipelineManifestSpecDatasetsCleanColumns,
  PipelineManifestSpecDatasetsExtractRestHeaders,
  PipelineManifestSpecTransformModels,
} from './imports/jobpulse.dev.ts';

/** Shorter ways to write what manifests are full of. All of them make plain data. */

export type Dataset = PipelineManifestSpecDatasets;
export type Column = PipelineManifestSpecDatasetsCleanColumns;
export type Model = PipelineManifestSpecTransformModels;
type Header = PipelineManifestSpecDatasetsExtractRestHeaders;

interface SecretKey {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}

/** A value that is a key of a Secret: `valueFrom: secretRef('usajobs', 'api-key')`. */
export const secretRef = (
  name: string,
  key: string,
  options: Pick<SecretKey, 'optional'> = {},
): { readonly secretKeyRef: SecretKey } => ({
  secretKeyRef: { name, key, ...options },
});

/** A header whose value is a key of a Secret. */
export const secretHeader = (header: string, secret: string, key: string): Header => ({
  name: header,
  valueFrom: secretRef(secret, key),
});

/** What else there is to say of a column. */
type ColumnOptions = Omit<Column, 'name' | 'type'>;
/** A JSONPath or a header text is the usual thing to say. */
type Source = string | ColumnOptions;

const ofType =
  (type: string) =>
  (name: string, source: Source, options: ColumnOptions = {}): Column => ({
    ...{ name, type },
    ...(typeof source === 'string' ? { from: source } : source),
    ...options,
  });

/**
 * Columns by their type: `column.string('title', '$.title', { required: true })`, or with `sql` instead of a place in the
 * record: `column.integer('years', { sql: 'experience_years(text)' })`.
 */
export const column = {
  string: ofType('string'),
  integer: ofType('integer'),
  bigint: ofType('bigint'),
  double: ofType('double'),
  boolean: ofType('boolean'),
  date: ofType('date'),
  /** UTC. */
  timestamp: ofType('timestamp'),
  json: ofType('json'),
  /** `column.decimal(12, 2)('pay', '$.pay')`. */
  decimal: (precision: number, scale: number) => ofType(`decimal(${precision},${scale})`),
  /** `column.list('string')('places', '$.places[*]')`. */
  list: (of: 'string' | 'integer' | 'double') => ofType(`list<${of}>`),
} as const;

/** SQL as it is indented in the code, without that indentation. */
export function sql(parts: TemplateStringsArray): string {
  const lines = parts
    .join('')
    .replace(/^\s*\n/, '')
    .trimEnd()
    .split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  const least = Math.min(...indents);
  return `${lines.map((line) => line.slice(least)).join('\n')}\n`;
}
