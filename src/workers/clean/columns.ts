import type { Column } from '../../api/index.ts';
import { identifier, literal } from '../../connectors/duckdb.ts';
import { foundLength, type Want } from '../../format/records.ts';
import { reworded, withoutNulls } from './texts.ts';
import { memberType, sqlType, typed } from './types.ts';

/** A column with what only its dataset knows. */
export interface CleanColumn {
  readonly column: Column;
  /** Position among the columns; part of the names of working columns. */
  readonly at: number;
  /** Key columns are required. */
  readonly required: boolean;
  /** Texts that mean null. */
  readonly nulls: readonly string[];
  /** Positions of its wants in the `fields` relation; none for columns that are computed. */
  readonly wants: readonly number[];
}

/**
 * Working columns of column *i*, beside the column itself:
 * `_n<i>` the text found, cleaned; `_t<i>` the text in the column's words; `_v<i>` a computed value in a struct;
 * `_c<i>` the candidate: the typed value; `_b<i>` the rules it breaks, as a list, or NULL;
 * `_e<i>` of these, what costs the row; `_s<i>` whether they cost the value only.
 * A step is a select list over all working columns before it.
 */
export type Step = readonly string[];

/** The places a column's values are taken from, in order. */
export const wantsOf = (column: Column): Want[] =>
  [column.from, ...column.aliases].flatMap((from) => (from === undefined ? [] : [{ from, as: shapeOf(column) }]));

function shapeOf({ type }: Column): Want['as'] {
  if (type === 'json') return 'json';
  return memberType(type) === undefined ? 'text' : 'list';
}

/** The steps that make a column out of its source fields or of earlier columns. */
export function columnSteps(clean: CleanColumn): Step[] {
  const { at, column } = clean;
  const value = column.sql === undefined ? sourceSteps(clean) : computedSteps(clean, column.sql);
  return [...value, [`${brokenRules(clean)} AS _b${at}`], settled(clean)];
}

function sourceSteps({ column, at, wants, nulls }: CleanColumn): Step[] {
  const texts = wants.map((want) => `CASE WHEN NOT _x${want} THEN ${foundText(column, want, nulls)} END`);
  const reword = (text: string) => reworded(extracted(text, column.parse?.regex), column);
  return [
    [`coalesce(${texts.join(', ')}, NULL) AS _n${at}`],
    [`${perMember(column, `_n${at}`, column.type === 'json' ? (text) => text : reword)} AS _t${at}`],
    [
      `${perMember(column, `_t${at}`, (text) => typed(text, memberType(column.type) ?? column.type, column.parse))} AS _c${at}`,
    ],
  ];
}

function foundText(column: Column, want: number, nulls: readonly string[]): string {
  const clean = (text: string) => withoutNulls(`_text(${text})`, nulls);
  if (column.type === 'json') return `_f${want}`;
  if (memberType(column.type) === undefined) return clean(`_f${want}`);
  return `list_filter(list_transform(_f${want}, lambda x: ${clean('x')}), lambda x: x IS NOT NULL)`;
}

const perMember = ({ type }: Column, value: string, of: (text: string) => string): string =>
  memberType(type) === undefined ? of(value) : `list_transform(${value}, lambda x: ${of('x')})`;

/** The first group of a regular expression, or the whole match; NULL where there is none. */
function extracted(text: string, regex: string | undefined): string {
  if (regex === undefined) return text;
  const group = /(?<!\\)\((?!\?(?!P?<\w))/.test(regex) ? 1 : 0;
  return `nullif(regexp_extract(${text}, ${literal(regex)}, ${group}), '')`;
}

/** The struct tells a failed expression from one that gives NULL. */
function computedSteps({ column, at }: CleanColumn, sql: string): Step[] {
  const value = `TRY_CAST(_v${at}.v AS ${sqlType(column.type)})`;
  const isText = column.type === 'string' && (column.case !== undefined || column.map !== undefined);
  return [
    [`TRY(struct_pack(v := (\n${sql}\n))) AS _v${at}`],
    [`${isText ? reworded(value, column) : value} AS _c${at}`],
  ];
}

/** SQL of the list of rules that the candidate breaks; NULL when it breaks none. */
function brokenRules(clean: CleanColumn): string {
  const rules = [...readingRules(clean), ...valueRules(clean)];
  const list = rules.map(([rule, when]) => `CASE WHEN ${when} THEN '${rule}' END`);
  const any = rules.map(([, when]) => `coalesce(${when}, false)`).join(' OR ');
  return `CASE WHEN ${any} THEN list_filter([${list.join(', ')}], lambda r: r IS NOT NULL) END`;
}

type Rule = readonly [name: string, when: string];

/** Whether the value could be had at all. */
function readingRules({ column, at, wants }: CleanColumn): Rule[] {
  if (column.sql !== undefined) {
    return [
      ['sql', `_v${at} IS NULL`],
      ['type', `_v${at}.v IS NOT NULL AND _c${at} IS NULL`],
    ];
  }
  const odd = wants.map((want) => `_x${want}`).join(' OR ');
  const isList = memberType(column.type) !== undefined;
  const lost = (from: string, to: string) =>
    isList ? `list_count(${to}) < list_count(${from})` : `${from} IS NOT NULL AND ${to} IS NULL`;
  const parse: Rule[] = column.parse?.regex === undefined ? [] : [['parse', lost(`_n${at}`, `_t${at}`)]];
  return [...parse, ['type', `${odd} OR (${lost(`_t${at}`, `_c${at}`)})`]];
}

/** Whether the value is one of those allowed. */
function valueRules({ column, at }: CleanColumn): Rule[] {
  const { accepted, pattern, min, max } = column;
  const type = sqlType(memberType(column.type) ?? column.type);
  const rules: [string, (value: string) => string][] = [];
  if (accepted) {
    const values = accepted.map((text) => `TRY_CAST(${literal(text)} AS ${type})`).join(', ');
    rules.push(['accepted', (value) => `NOT list_contains([${values}], ${value})`]);
  }
  if (pattern) rules.push(['pattern', (value) => `NOT regexp_matches(${value}::VARCHAR, ${literal(pattern)})`]);
  if (min) rules.push(['min', (value) => `${value} < ${min}`]);
  if (max) rules.push(['max', (value) => `${value} > ${max}`]);
  if (memberType(column.type) === undefined)
    return rules.map(([name, when]) => [name, `_c${at} IS NOT NULL AND ${when(`_c${at}`)}`]);
  return rules.map(([name, when]) => [name, `len(list_filter(_c${at}, lambda x: x IS NOT NULL AND ${when('x')})) > 0`]);
}

/** What the broken rules cost: the row, or with `SetNull` the value. */
function settled({ column, at, required }: CleanColumn): Step {
  const name = identifier(column.name);
  const forgiving = column.onError === 'SetNull';
  const value = forgiving ? `CASE WHEN _b${at} IS NULL THEN _c${at} END` : `_c${at}`;
  const empty = memberType(column.type) === undefined ? `${value} IS NULL` : `coalesce(len(${value}), 0) = 0`;
  const missing = required ? `CASE WHEN ${empty} THEN ['required'] END` : 'NULL::VARCHAR[]';
  return [
    `${value} AS ${name}`,
    `${forgiving ? missing : `coalesce(_b${at}, ${missing})`} AS _e${at}`,
    `${forgiving ? `_b${at} IS NOT NULL` : 'false'} AS _s${at}`,
  ];
}

/** SQL of what was found where the column looks, short enough to be shown. */
export function foundOf({ column, at, wants }: CleanColumn): string {
  const found =
    column.sql === undefined ? `coalesce(${wants.map((want) => `_f${want}`).join(', ')}, NULL)` : `_v${at}.v`;
  return `left(CAST(${found} AS VARCHAR), ${foundLength})`;
}
