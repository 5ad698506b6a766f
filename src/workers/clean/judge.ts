import type { Check, Clean } from '../../api/index.ts';
import { identifier, literal } from '../../connectors/duckdb.ts';
import type { Records } from '../../format/records.ts';
import { keyText } from './canonical.ts';
import { type CleanColumn, columnSteps, foundOf, type Step } from './columns.ts';

/** Where each row came from; `_file` and `_source_row` order rows of the same key. */
export const provenance = [
  '_as_of',
  '_run_id',
  '_slice',
  '_source_uri',
  '_source_row',
  '_payload_sha256',
  '_extracted_at',
] as const;

export interface Rules {
  readonly columns: readonly CleanColumn[];
  readonly key: readonly string[];
  readonly where: Clean['where'];
  /** Checks on single rows, in order. */
  readonly checks: readonly Check[];
}

/**
 * SQL of a table `_judged` with one row for each record: its columns and provenance, `_key` (text, or NULL when it
 * cannot be read), `_reasons` (a list of {column, rule, found}, or NULL), `_fate` (`rejected`, `filtered` or `kept`),
 * `_s<i>` (the value of column *i* was set to null) and `_k<j>` (check *j* is not met).
 */
export function judgedTable(records: Records, rules: Rules): string {
  const { columns } = rules;
  const sourced = columns.filter(({ column }) => column.sql === undefined).map(columnSteps);
  const computed = columns.filter(({ column }) => column.sql !== undefined).flatMap(columnSteps);
  const steps: Step[] = [...together(sourced), ...computed, ...judgement(rules)];
  const layers = steps.map((step, at) => `l${at + 1} AS NOT MATERIALIZED (SELECT *, ${step.join(', ')} FROM l${at})`);
  const kept = [
    ...columns.map(({ column }) => identifier(column.name)),
    ...provenance,
    ...['_file', '_key', '_reasons', '_fate'],
    ...columns.map(({ at }) => `_s${at}`),
    ...rules.checks.map((_, at) => `_k${at}`),
  ];
  return (
    `CREATE TABLE _judged AS WITH l0 AS NOT MATERIALIZED (SELECT * FROM ${records.fields} AS _records JOIN _files USING (_file)), ` +
    `${layers.join(', ')} SELECT ${kept.join(', ')} FROM l${steps.length}`
  );
}

/** Steps of columns that do not depend on each other, taken together. */
function together(columns: readonly (readonly Step[])[]): Step[] {
  const depth = Math.max(0, ...columns.map((steps) => steps.length));
  return Array.from({ length: depth }, (_, at) => columns.flatMap((steps) => steps[at] ?? []));
}

function judgement({ columns, key, where, checks }: Rules): Step[] {
  const condition = where === undefined ? 'true' : tried(`coalesce((\n${where}\n)::BOOLEAN, false)`);
  return [
    [`${key.length === 0 ? 'NULL' : keyText(key)} AS _key`, `${columnReasons(columns)} AS _wrong`],
    [`CASE WHEN _wrong IS NULL THEN ${condition} END AS _where`],
    ['_wrong IS NULL AND _where IS NULL AS _failed', 'coalesce(_where, false) AS _passed'],
    [
      '0 AS _checked',
      ...checks.map(
        ({ sql }, at) => `_passed AND NOT ${tried(`coalesce((\n${sql}\n)::BOOLEAN, true)`, 'false')} AS _k${at}`,
      ),
    ],
    [
      `CASE WHEN _wrong IS NOT NULL THEN _wrong WHEN _failed THEN [${reason('NULL', "'sql:where'", 'NULL')}]
        ELSE nullif(${checkReasons(checks)}, []) END AS _reasons`,
    ],
    ["CASE WHEN _reasons IS NOT NULL THEN 'rejected' WHEN _passed THEN 'kept' ELSE 'filtered' END AS _fate"],
  ];
}

/** The value of a condition that is never NULL; `otherwise` when it fails. */
const tried = (condition: string, otherwise = 'NULL'): string =>
  `coalesce(TRY(struct_pack(v := ${condition})).v, ${otherwise})`;

const reason = (column: string, rule: string, found: string): string =>
  `{'column': ${column}::VARCHAR, 'rule': ${rule}::VARCHAR, 'found': ${found}::VARCHAR}`;

/** All rules that the columns of a row break, in column order. What could not be read has no columns. */
function columnReasons(columns: readonly CleanColumn[]): string {
  const lists = columns.map((clean) => {
    const each = reason(literal(clean.column.name), 'r', foundOf(clean));
    return `list_transform(coalesce(_e${clean.at}, []), lambda r: ${each})`;
  });
  const any = columns.map(({ at }) => `_e${at}`).join(', ');
  return `CASE WHEN _broken IS NOT NULL THEN [${reason('NULL', '_broken', '_found')}]
    WHEN coalesce(${any}) IS NOT NULL THEN flatten([${lists.join(', ')}]) END`;
}

function checkReasons(checks: readonly Check[]): string {
  const broken = checks.flatMap(({ name, severity }, at) =>
    severity === 'Reject' ? [`CASE WHEN _k${at} THEN ${reason('NULL', literal(name), 'NULL')} END`] : [],
  );
  return broken.length === 0 ? '[]' : `list_filter([${broken.join(', ')}], lambda r: r IS NOT NULL)`;
}
