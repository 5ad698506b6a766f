import type { Column } from '../../api/index.ts';
import { literal } from '../../connectors/duckdb.ts';

/** What counts as blank at the ends of a text, as a class of a regular expression. */
const blank = '[\\s\\p{Z}\\x{200b}\\x{feff}]';
const ends = `^${blank}+|${blank}+$`;

/** Control characters but the tab and the line feed. */
const control = '[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x{9f}]';

/** SQL macros that the texts of this folder use. */
export const textMacros = [
  `CREATE MACRO _trimmed(t) AS CASE WHEN regexp_matches(t, '${ends}') THEN regexp_replace(t, '${ends}', '', 'g') ELSE t END`,
  `CREATE MACRO _printable(t) AS CASE WHEN regexp_matches(t, '${control}') THEN regexp_replace(regexp_replace(t, '\\r\\n?', chr(10), 'g'), '${control}', '', 'g') ELSE t END`,
  // Line breaks become LF, other control characters but the tab go, composed letters are one character, blank is null.
  // Normalising comes after: it ends a text at a NUL.
  "CREATE MACRO _text(t) AS nullif(_trimmed(nfc_normalize(_printable(t))), '')",
  // How texts of a manifest are compared with texts of the source: trimmed, without case and accents.
  'CREATE MACRO _fold(t) AS lower(strip_accents(_trimmed(nfc_normalize(t))))',
  `CREATE MACRO _title(t) AS array_to_string(list_transform(regexp_extract_all(lower(t), '[\\p{L}\\p{M}\\p{N}''’]+|[^\\p{L}\\p{M}\\p{N}''’]+'), lambda w: upper(w[1]) || w[2:]), '')`,
];

/** SQL that makes NULL of texts that mean it. */
export function withoutNulls(text: string, nulls: readonly string[]): string {
  const words = nulls.filter((word) => word.trim() !== '');
  if (words.length === 0) return text;
  return `CASE WHEN ${isOneOf(text, words)} THEN NULL ELSE ${text} END`;
}

/** SQL of a text in the case and the words that the column asks for. */
export const reworded = (text: string, column: Pick<Column, 'case' | 'map'>): string =>
  mapped(inCase(text, column.case), column.map);

const caseFunctions = { Upper: 'upper', Lower: 'lower', Title: '_title' } as const;

const inCase = (text: string, wanted: Column['case']): string =>
  wanted === undefined ? text : `${caseFunctions[wanted]}(${text})`;

function mapped(text: string, map: Column['map']): string {
  const entries = Object.entries(map ?? {});
  if (entries.length === 0) return text;
  const branches = entries.map(([from, to]) => `WHEN _fold(${literal(from)}) THEN ${literal(to)}`);
  return `CASE WHEN ${isShort(text, Object.keys(map ?? {}))} THEN nullif(CASE _fold(${text}) ${branches.join(' ')} ELSE ${text} END, '') ELSE ${text} END`;
}

const isOneOf = (text: string, words: readonly string[]): string =>
  `${isShort(text, words)} AND _fold(${text}) IN (${words.map((word) => `_fold(${literal(word)})`).join(', ')})`;

/** Spares folding long texts, which cannot be equal. Folding makes no text shorter than its composed form by more than marks. */
const isShort = (text: string, words: readonly string[]): string =>
  `length(${text}) <= ${2 * Math.max(...words.map((word) => word.length))}`;
