import type { Column } from '../../api/index.ts';
import { literal, literals } from '../../connectors/duckdb.ts';

type Parse = NonNullable<Column['parse']>;

const zone = '\\s?(?:[Zz]|UTC|GMT|[+-]\\d{2}(?::?\\d{2})?)';
const time = `[Tt ]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d{1,9})?)?(?:${zone})?`;
const isoForm = `\\d{4}-\\d{2}-\\d{2}(?:${time})?`;

/** Forms that mean one day only, whoever reads them. 5/3/2016 is not among them. */
const spokenForms = [
  ...['%Y/%m/%d', '%Y/%m/%d %H:%M:%S', '%Y%m%d'],
  ...['%d %B %Y', '%d %b %Y', '%d-%b-%Y', '%B %d, %Y', '%b %d, %Y'],
  ...['%a, %d %b %Y %H:%M:%S GMT', '%a, %d %b %Y %H:%M:%S +0000'],
];

/** SQL macros that the texts of this file use. */
export const dateMacros = [
  // Only what has an offset takes the way through time zones, which is slow.
  `CREATE MACRO _iso(t) AS CASE WHEN NOT regexp_full_match(t, ${literal(isoForm)}) THEN NULL
     WHEN regexp_full_match(t, '.{11,}[+-]\\d{2}(?::?\\d{2})?') THEN TRY_CAST(upper(t) AS TIMESTAMPTZ) AT TIME ZONE 'UTC'
     ELSE TRY_CAST(upper(t) AS TIMESTAMP) END`,
  `CREATE MACRO _spoken(t) AS CASE WHEN regexp_matches(t, '(?:19|20|21)\\d{2}') AND length(t) <= 40 THEN try_strptime(t, ${literals(spokenForms)}) END`,
  `CREATE MACRO _epoch(t) AS CASE WHEN regexp_full_match(t, '/Date\\(-?\\d{1,15}(?:[+-]\\d{4})?\\)/') THEN make_timestamp(1000 * TRY_CAST(regexp_extract(t, '-?\\d+') AS BIGINT)) END`,
  // Spreadsheets count days from the end of 1899; beyond these bounds a number is something else.
  `CREATE MACRO _serial(t) AS CASE WHEN regexp_full_match(t, '\\d{1,7}(?:\\.\\d+)?') AND TRY_CAST(t AS DOUBLE) BETWEEN 1 AND 2958465.99999 THEN TIMESTAMP '1899-12-30' + to_milliseconds(round(TRY_CAST(t AS DOUBLE) * 86400000)::BIGINT) END`,
];

/**
 * SQL of the moment a text tells, in UTC; NULL when it tells none. A column that lists its forms has these only, in
 * order; otherwise ISO 8601 and forms that cannot be misread are understood. Without a zone, UTC is meant.
 */
export function momentIn(text: string, parse: Parse | undefined): string {
  if (!parse?.dates) return `coalesce(_iso(${text}), _epoch(${text}), _spoken(${text}))`;
  const language = parse.language ?? 'en';
  return `coalesce(${parse.dates.map((form) => inForm(text, form, language)).join(', ')}, NULL::TIMESTAMP)`;
}

/** SQL of the day a text tells: as it is written, whatever zone is written beside it. */
export function dayIn(text: string, parse: Parse | undefined): string {
  const moment = `CAST(${momentIn(text, parse)} AS DATE)`;
  if (parse?.dates) return moment;
  return `CASE WHEN regexp_full_match(${text}, '\\d{4}-\\d{2}-\\d{2}') OR _iso(${text}) IS NOT NULL THEN TRY_CAST(left(${text}, 10) AS DATE) ELSE ${moment} END`;
}

function inForm(text: string, form: string, language: string): string {
  if (form === 'serial') return `_serial(${text})`;
  const english = inEnglish(text, form, language);
  const moment = `try_strptime(${english}, ${literal(form)})${/%z/i.test(form) ? " AT TIME ZONE 'UTC'" : ''}`;
  // To strptime, %Y finds the year 16 in "16".
  return form.includes('%Y') ? `CASE WHEN regexp_matches(${text}, '[1-9]\\d{3}') THEN ${moment} END` : moment;
}

/** Month names of the language as strptime, which knows English only, expects them in this form. */
function inEnglish(text: string, form: string, language: string): string {
  const [, width] = /%(B|b)/.exec(form) ?? [];
  if (language === 'en' || width === undefined) return text;
  const to = monthNames('en', width === 'B' ? 'long' : 'short');
  return months.reduce((sql, month) => {
    const names = [...new Set([...namesOf(language, month), ...(otherNames[language]?.[month] ?? [])])];
    return `regexp_replace(${sql}, ${literal(`(?i)\\b(?:${names.join('|')})\\b\\.?`)}, ${literal(to[month] ?? '')})`;
  }, `strip_accents(${text})`);
}

const months = Array.from({ length: 12 }, (_, month) => month);

/** What people write beside the standard abbreviations. */
const otherNames: Readonly<Record<string, Readonly<Record<number, readonly string[]>>>> = {
  es: { 8: ['septiembre', 'setiembre', 'sept', 'sep', 'set'] },
};

/** Long names first: an abbreviation must not cut a name short. */
const namesOf = (language: string, month: number): string[] =>
  (['long', 'short'] as const).map((width) => plain(monthNames(language, width)[month] ?? ''));

function monthNames(language: string, width: 'long' | 'short'): string[] {
  const format = new Intl.DateTimeFormat(language, { month: width, timeZone: 'UTC' });
  return months.map((month) => format.format(Date.UTC(2024, month, 15)));
}

const plain = (name: string): string => name.normalize('NFKD').replace(/\p{M}|\./gu, '');
