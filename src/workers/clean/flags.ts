import type { Column } from '../../api/index.ts';
import { literal } from '../../connectors/duckdb.ts';
import type { CleanColumn, Step } from './columns.ts';

/**
 * The steps from source fields to a set of flags: every value one of whose patterns is found in one of the texts, in
 * the order of the manifest. Texts and patterns are compared without case and accents. Where nothing is found, and
 * where there is no text, the set is empty.
 */
export function flagSteps(
  { match }: NonNullable<Column['flags']>,
  { at, wants }: Pick<CleanColumn, 'at' | 'wants'>,
): readonly [Step, Step, Step] {
  const texts = wants.map((want) => `CASE WHEN NOT _x${want} THEN _f${want} END`);
  const patterns = Map.groupBy(match, ({ value }) => value);
  const values = [...patterns].map(([value, some]) => {
    const found = some.map(({ pattern }) => `regexp_matches(x, ${foldedPattern(pattern)}, 'i')`).join(' OR ');
    return `CASE WHEN len(list_filter(_t${at}, lambda x: ${found})) > 0 THEN ${literal(value)} END`;
  });
  return [
    [`flatten([${texts.join(', ')}]) AS _n${at}`],
    [`list_transform(_n${at}, lambda x: _fold(_text(x))) AS _t${at}`],
    [`list_filter([${values.join(', ')}], lambda v: v IS NOT NULL) AS _c${at}`],
  ];
}

/** SQL of a pattern for folded texts. Its escapes keep their case, which tells `\d` from `\D`. */
export const foldedPattern = (pattern: string): string => `strip_accents(${literal(pattern)})`;
