import type { Column } from '../../api/index.ts';
import { identifier, literal } from '../../connectors/duckdb.ts';

/** SQL of the label of the band that a number falls into: a band holds its lower edge. NULL has no band. */
export function bandOf({ of, edges, labels }: NonNullable<Column['bands']>): string {
  const number = identifier(of);
  const below = edges.map((edge, at) => `WHEN ${number} < ${edge} THEN ${literal(labels[at] ?? '')}`);
  return `CASE ${below.join(' ')} WHEN ${number} IS NOT NULL THEN ${literal(labels.at(-1) ?? '')} END`;
}
