import type { Column } from '../../api/index.ts';
import { identifier, literal } from '../../connectors/duckdb.ts';
import { memberType, sqlType } from '../../connectors/sqlTypes.ts';
import { foundLength, type Want } from '../../format/records.ts';
import { bandOf } from './bands.ts';
import { flagSteps } from './flags.ts';
import { pseudonymOf } from './pseudonyms.ts';
import { reworded, withoutNulls } from './texts.ts';
import { typed } from './types.ts';

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
  /** What a computed column is computed by. */
  readonly sql: string | undefined;
}

/**
 * Working columns of column *i*, beside the column itself:
 * `_n<i>` the text found, cleaned; `_t<i>` the text in the column's words; `_c<i>` the candidate: the typed value;
 * `_v<i>` a computed value in a struct, NULL when computing it failed;
 * `_e<i>` the rules it breaks that cost the row, as a list or NULL; `_s<i>` with `SetNull`, that a rule cost the value.
 * A step is a select list over all working columns of the steps before it.
 */
export type Step = readonly string[];

/** The expression over earlier columns that gives a column its values, if it has one. */
export const computedBy = ({ sql, bands, pseudonym }: Column): string | undefined =>
  sql ?? (bands && bandOf(bands)) ?? (pseudonym && pseudonymOf(pseudonym));

/** The places a column's values are taken from, in order. */
export function wantsOf(column: Column): Want[] {
  if (column.flags) return column.flags.from.map((from) => ({ from, as: 'list' }));
  const decimal = column.parse?.number?.decimal;
  const how = { as: shapeOf(column), ...(decimal !== undefined && { decimal }) };
  return [column.from, ...column.aliases].flatMap((from) => (from === undefined ? [] : [{ from, ...how }]));
}

function shapeOf({ type }: Column): Want['as'] {
  if (type === 'json') return 'json';
  return memberType(type) === undefined ? 'text' : 'list';
}

/** The steps from source fields to the candidate. */
export function sourceSteps(clean: CleanColumn): readonly [Step, Step, Step] {
  const { column, at, wants, nulls } = clean;
  if (column.flags) return flagSteps(column.flags, clean);
  const texts = wants.map((want) => `CASE WHEN NOT _x${want} THEN ${foundText(column, want, nulls)} END`);
  const reword = (text: string) =>
    column.type === 'json' ? text : reworded(extracted(text, column.parse?.regex), column);
  const type = (text: string) => typed(text, memberType(column.type) ?? column.type, column.parse);
  return [
    [`${texts.length === 1 ? texts[0] : `coalesce(${texts.join(', ')})`} AS _n${at}`],
    [`${perMember(column, `_n${at}`, reword)} AS _t${at}`],
    [`${perMember(column, `_t${at}`, type)} AS _c${at}`],
  ];
}

function foundText(column: Column, want: number, nulls: readonly string[]): string {
  const clean = (text: string) => withoutNulls(`_text(${text})`, nulls);
  if (column.type === 'json') return `_f${want}`;
  if (memberType(column.type) === undefined) return clean(`_f${want}`);
  const members = column.split === undefined ? `_f${want}` : splitMembers(clean, want, column.split);
  return `list_filter(list_transform(${members}, lambda x: ${clean('x')}), lambda x: x IS NOT NULL)`;
}

/** A text that means null as a whole is not taken apart: `N/A` is no list of two. */
const splitMembers = (clean: (text: string) => string, want: number, by: string): string =>
  `flatten(list_transform(_f${want}, lambda x: coalesce(string_split(${clean('x')}, ${literal(by)}), [])))`;

function perMember({ type }: Column, value: string, of: (text: string) => string): string {
  if (of('x') === 'x') return value;
  return memberType(type) === undefined ? of(value) : `list_transform(${value}, lambda x: ${of('x')})`;
}

/** The first group of a regular expression, or the whole match; NULL where there is none. */
function extracted(text: string, regex: string | undefined): string {
  if (regex === undefined) return text;
  const group = /(?<!\\)\((?!\?(?!P?<\w))/.test(regex) ? 1 : 0;
  return `nullif(regexp_extract(${text}, ${literal(regex)}, ${group}), '')`;
}

/** The step that computes a column. The struct tells a failed expression from one that gives NULL. */
export const computedStep = ({ at }: CleanColumn, sql: string): Step => [
  `TRY(struct_pack(v := (\n${sql}\n))) AS _v${at}`,
];

/** The step in which the column gets its value: what its broken rules cost is the row, or with `SetNull` the value. */
export function settledStep(clean: CleanColumn): Step {
  const { column, at, required } = clean;
  const broken = brokenRules(clean);
  const forgiving = column.onError === 'SetNull';
  const value = forgiving ? `CASE WHEN ${broken} IS NULL THEN ${candidate(clean)} END` : candidate(clean);
  const empty = memberType(column.type) === undefined ? `${value} IS NULL` : `coalesce(len(${value}), 0) = 0`;
  const missing = required ? `CASE WHEN ${empty} THEN ['required'] END` : 'NULL::VARCHAR[]';
  return [
    `${value} AS ${identifier(column.name)}`,
    `${forgiving ? missing : `coalesce(${broken}, ${missing})`} AS _e${at}`,
    ...(forgiving ? [`${broken} IS NOT NULL AS _s${at}`] : []),
  ];
}

/** The typed value, before it is held against the rules. */
function candidate({ column, at, sql }: CleanColumn): string {
  if (sql === undefined) return `_c${at}`;
  const value = `TRY_CAST(_v${at}.v AS ${sqlType(column.type)})`;
  return column.type === 'string' ? reworded(value, column) : value;
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
function readingRules(clean: CleanColumn): Rule[] {
  const { column, at, wants, sql } = clean;
  if (sql !== undefined) {
    return [
      ['sql', `_v${at} IS NULL`],
      ['type', `_v${at}.v IS NOT NULL AND TRY_CAST(_v${at}.v AS ${sqlType(column.type)}) IS NULL`],
    ];
  }
  const odd = wants.map((want) => `_x${want}`).join(' OR ');
  const isList = memberType(column.type) !== undefined;
  const lost = (from: string, to: string) =>
    isList ? `list_count(${to}) < list_count(${from})` : `${from} IS NOT NULL AND ${to} IS NULL`;
  const parse: Rule[] = column.parse?.regex === undefined ? [] : [['parse', lost(`_n${at}`, `_t${at}`)]];
  const type = column.type === 'string' || column.type === 'list<string>' ? [] : [`(${lost(`_t${at}`, `_c${at}`)})`];
  return [...parse, ['type', [odd, ...type].join(' OR ')]];
}

/** Whether the value is one of those allowed. */
function valueRules(clean: CleanColumn): Rule[] {
  const { accepted, pattern, min, max, type } = clean.column;
  const rules: [string, (value: string) => string][] = [];
  if (accepted) {
    const values = accepted.map((text) => `TRY_CAST(${literal(text)} AS ${sqlType(memberType(type) ?? type)})`);
    rules.push(['accepted', (value) => `NOT list_contains([${values.join(', ')}], ${value})`]);
  }
  if (pattern) rules.push(['pattern', (value) => `NOT regexp_matches(${value}::VARCHAR, ${literal(pattern)})`]);
  if (min) rules.push(['min', (value) => `${value} < ${min}`]);
  if (max) rules.push(['max', (value) => `${value} > ${max}`]);
  const value = candidate(clean);
  return rules.map(([name, when]) => {
    if (memberType(type) === undefined) return [name, `${value} IS NOT NULL AND ${when(value)}`];
    return [name, `len(list_filter(${value}, lambda x: x IS NOT NULL AND ${when('x')})) > 0`];
  });
}

/** SQL of what was found where the column looks, short enough to be shown. */
export function foundOf({ at, wants, sql }: CleanColumn): string {
  const found = sql === undefined ? `coalesce(${wants.map((want) => `_f${want}`).join(', ')}, NULL)` : `_v${at}.v`;
  return `left(CAST(${found} AS VARCHAR), ${foundLength})`;
}
