import type { Check, Clean } from '../../api/index.ts';
import { keyText } from '../../connectors/canonical.ts';
import { identifier, literal } from '../../connectors/duckdb.ts';
import type { Records } from '../../format/records.ts';
import { type CleanColumn, computedStep, foundOf, type Step, settledStep, sourceSteps } from './columns.ts';

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
  /** The computed columns among them, in levels: those of one level depend on columns of earlier levels only. */
  readonly levels: readonly (readonly CleanColumn[])[];
  readonly key: readonly string[];
  readonly where: Clean['where'];
  /** Checks on single rows, in order. */
  readonly checks: readonly Check[];
}

/** Levels in one query. Every step of a query holds all columns in memory, so that a long chain is cut. */
const levelsAtOnce = 8;

/**
 * SQL that makes a table `_judged` with one row for each record: its columns and provenance, `_key` (text, or NULL when
 * it cannot be read), `_reasons` (a list of {column, rule, found}, or NULL), `_fate` (`rejected`, `filtered` or `kept`),
 * `_s<i>` (the value of column *i* was set to null) and `_k<j>` (check *j* is not met).
 */
export function judgedTable(records: Records, rules: Rules): string[] {
  const { columns, levels, checks } = rules;
  const source = columns.filter(({ sql }) => sql === undefined);
  const typed = chained(
    `(SELECT * FROM ${records.fields} AS _records JOIN _files USING (_file)) AS _source`,
    [...together(source.map(sourceSteps)), source.flatMap(settledStep), [`${recordReasons(source)} AS _w0`]],
    carried(source, 0),
  );
  const verdict = ['_key', '_reasons', '_fate', ...checks.map((_, at) => `_k${at}`)];
  const statements: string[] = [];
  let rows = `(${typed})`;
  for (let from = 0; from < levels.length; from += levelsAtOnce) {
    const to = from + levelsAtOnce;
    const own = levels.slice(from, to);
    const steps = own.flatMap((level, at) => levelSteps(level, at + 1));
    const batch = chained(rows, steps, carried([...source, ...levels.slice(0, to).flat()], own.length));
    const isLast = to >= levels.length;
    if (!isLast) statements.push(`CREATE TABLE _rows${from} AS ${batch}`);
    rows = isLast ? `(${batch})` : `_rows${from}`;
  }
  const judged = chained(rows, judgement(rules), [...carried(columns), ...verdict]);
  return [...statements, `CREATE TABLE _judged AS ${judged}`];
}

/** One query of many steps. What no later step uses is dropped on the way by the database. */
function chained(from: string, steps: readonly Step[], select: readonly string[]): string {
  const layers = steps.map((step, at) => `l${at + 1} AS NOT MATERIALIZED (SELECT *, ${step.join(', ')} FROM l${at})`);
  const all = [`l0 AS NOT MATERIALIZED (SELECT * FROM ${from})`, ...layers];
  return `WITH ${all.join(', ')} SELECT ${select.join(', ')} FROM l${steps.length}`;
}

/** What a row has from beginning to end; on the way, as `_w0`, also the rules broken so far. */
const carried = (columns: readonly CleanColumn[], levels?: number): string[] => [
  ...columns.map(({ column }) => identifier(column.name)),
  ...columns.flatMap(({ column, at }) => (column.onError === 'SetNull' ? [`_s${at}`] : [])),
  ...provenance,
  '_file',
  ...(levels === undefined ? [] : [`${gathered(levels)} AS _w0`]),
];

function gathered(levels: number): string {
  const lists = Array.from({ length: levels + 1 }, (_, level) => `_w${level}`);
  return levels === 0 ? '_w0' : `nullif(list_concat(${lists.join(', ')}), [])`;
}

/** Steps of columns that do not depend on each other, taken together. */
function together(columns: readonly (readonly Step[])[]): Step[] {
  const depth = Math.max(0, ...columns.map((steps) => steps.length));
  return Array.from({ length: depth }, (_, at) => columns.flatMap((steps) => steps[at] ?? []));
}

function levelSteps(columns: readonly CleanColumn[], level: number): Step[] {
  const computed = columns.flatMap((clean) => computedStep(clean, clean.sql ?? ''));
  return [computed, columns.flatMap(settledStep), [`${columnReasons(columns)} AS _w${level}`]];
}

const reason = (at: number, column: string, rule: string, found: string): string =>
  `{'at': ${at}, 'column': ${column}::VARCHAR, 'rule': ${rule}::VARCHAR, 'found': ${found}::VARCHAR}`;

/** Position of a reason that stands for the whole record: it could not be read, so that its columns say nothing. */
const unread = -1;

const recordReasons = (columns: readonly CleanColumn[]): string =>
  `CASE WHEN _broken IS NOT NULL THEN [${reason(unread, 'NULL', '_broken', '_found')}] ELSE ${columnReasons(columns)} END`;

/** The rules that columns break, as a list or NULL. Each tells the position of its column, which orders them in the end. */
function columnReasons(columns: readonly CleanColumn[]): string {
  if (columns.length === 0) return 'NULL';
  const lists = columns.map((clean) => {
    const each = reason(clean.at, literal(clean.column.name), 'r', foundOf(clean));
    return `list_transform(coalesce(_e${clean.at}, []), lambda r: ${each})`;
  });
  const any = columns.map(({ at }) => `_e${at} IS NOT NULL`).join(' OR ');
  return `CASE WHEN ${any} THEN flatten([${lists.join(', ')}]) END`;
}

function judgement({ key, where, checks }: Rules): Step[] {
  const condition = where === undefined ? 'true' : tried(`coalesce((\n${where}\n)::BOOLEAN, false)`);
  const failing = checks.map(
    ({ sql }, at) => `_passed AND NOT ${tried(`coalesce((\n${sql}\n)::BOOLEAN, true)`, 'false')} AS _k${at}`,
  );
  return [
    [`${key.length === 0 ? 'NULL' : keyText(key)} AS _key`, '_w0 IS NOT NULL AS _wrong'],
    [`CASE WHEN NOT _wrong THEN ${condition} END AS _where`],
    ['NOT _wrong AND _where IS NULL AS _failed', 'coalesce(_where, false) AS _passed'],
    ['0 AS _checked', ...failing],
    [
      `CASE WHEN _w0[1].at = ${unread} THEN _w0[:1] WHEN _wrong THEN list_sort(_w0)
         WHEN _failed THEN [${reason(unread, 'NULL', "'sql:where'", 'NULL')}] ELSE ${checkReasons(checks)} END AS _told`,
    ],
    [
      "CASE WHEN _told IS NOT NULL THEN list_transform(_told, lambda r: {'column': r.column, 'rule': r.rule, 'found': r.found}) END AS _reasons",
    ],
    ["CASE WHEN _reasons IS NOT NULL THEN 'rejected' WHEN _passed THEN 'kept' ELSE 'filtered' END AS _fate"],
  ];
}

/** The value of a condition that is never NULL; `otherwise` when it fails. */
const tried = (condition: string, otherwise = 'NULL'): string =>
  `coalesce(TRY(struct_pack(v := ${condition})).v, ${otherwise})`;

/** Checks that send their rows to quarantine, in order, as a list or NULL. */
function checkReasons(checks: readonly Check[]): string {
  const strict = checks.flatMap(({ name, severity }, at) => (severity === 'Reject' ? [{ name, at }] : []));
  if (strict.length === 0) return 'NULL';
  const broken = strict.map(
    ({ name, at }) => `CASE WHEN _k${at} THEN ${reason(at, 'NULL', literal(name), 'NULL')} END`,
  );
  return `CASE WHEN ${strict.map(({ at }) => `_k${at}`).join(' OR ')} THEN list_filter([${broken.join(', ')}], lambda r: r IS NOT NULL) END`;
}
