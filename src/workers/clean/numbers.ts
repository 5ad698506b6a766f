import type { Column } from '../../api/index.ts';
import { literal } from '../../connectors/duckdb.ts';

type NumberForm = NonNullable<NonNullable<Column['parse']>['number']>;

const blanks = " \u00a0\u2009\u202f'’";
const minus = '\u2212';

/** How numbers are written when a column does not say: a point before the fraction, commas between thousands. */
const plainForm: NumberForm = { decimal: '.', percent: false };

/**
 * SQL of the bare number (`-1234.5`) in a text that may have a currency and separators between thousands, or NULL when
 * the text is no number in this form. `1,5` is not fifteen and not one and a half: it is refused.
 */
export function numberIn(text: string, form: NumberForm = plainForm): string {
  const bare = form.decimal === '.' ? '[+-]?\\d+(\\.\\d+)?' : '[+-]?\\d+';
  const pattern = literal(patternOf(form));
  const from = literal(`${form.decimal}${minus}${groupsOf(form)}`);
  const core = `translate(regexp_replace(${text}, ${pattern}, '\\1\\2\\3\\4'), ${from}, '.-')`;
  return `CASE WHEN regexp_full_match(${text}, ${literal(bare)}) THEN ${text} WHEN regexp_full_match(${text}, ${pattern}) THEN ${core} END`;
}

/** Characters that may separate thousands. */
const groupsOf = ({ decimal, group }: NumberForm): string => group ?? (decimal === '.' ? ',' : '.') + blanks;

function patternOf(form: NumberForm): string {
  const [sign, currency] = [`([+\\-${minus}]?)`, '(?:[A-Z]{0,3}\\p{Sc}|[A-Z]{3} |S/\\.?)'];
  const group = `[${groupsOf(form).replace(/[\\\]^-]/g, '\\$&')}]`;
  const point = `\\x{${(form.decimal.codePointAt(0) ?? 0).toString(16)}}`;
  const digits = `((?:\\d{1,3}(?:${group}\\d{3})+|\\d+)(?:${point}\\d*)?|${point}\\d+)`;
  const exponent = '((?:[eE][+-]?\\d{1,3})?)';
  const percent = form.percent ? '\\s*%?' : '';
  return `${sign}(?:${currency}\\s*)?${sign}${digits}${exponent}(?:\\s*(?:\\p{Sc}|[A-Z]{3}))?${percent}`;
}

/** SQL of a whole number, NULL when there is a fraction: nothing is rounded. `161600.0` is whole. */
export const wholeNumber = (number: string, type: string): string =>
  `CASE WHEN regexp_full_match(${number}, '[+-]?\\d+(\\.0*)?') THEN TRY_CAST(regexp_replace(${number}, '\\.0*$', '') AS ${type}) END`;

/** SQL of a floating point number, NULL beyond its range. */
export const floatingNumber = (number: string): string =>
  `CASE WHEN isfinite(TRY_CAST(${number} AS DOUBLE)) THEN TRY_CAST(${number} AS DOUBLE) END`;
