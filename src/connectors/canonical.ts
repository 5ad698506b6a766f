import { identifier } from './duckdb.ts';

/** SQL of the canonical text of some columns: a JSON array of their values as text. What has the same text is the same. */
export const canonicalText = (columns: readonly string[]): string =>
  `CAST(to_json([${columns.map((name) => `CAST(${identifier(name)} AS VARCHAR)`).join(', ')}]) AS VARCHAR)`;

/** SQL of the text that a row is known by: as `canonicalText` of its key columns, NULL when one of them is NULL. */
export function keyText(key: readonly string[]): string {
  const whole = key.map((name) => `${identifier(name)} IS NOT NULL`).join(' AND ');
  return `CASE WHEN ${whole} THEN ${canonicalText(key)} END`;
}

/** SQL of a hash over a set of rows: the same whatever their order, another when a row comes twice. */
export function rowsHash(columns: readonly string[]): string {
  const text = canonicalText(columns);
  const halves = ['lower', 'upper'].map((half) => `coalesce(sum(md5_number_${half}(${text})), 0)`);
  return `md5(concat_ws(':', count(*), ${halves.join(', ')}))`;
}
