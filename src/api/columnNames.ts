import type { Column } from './column.ts';

/** Columns that every clean table has beside the declared ones. */
export const systemColumns: readonly string[] = [
  '_as_of',
  '_run_id',
  '_slice',
  '_source_uri',
  '_source_row',
  '_payload_sha256',
  '_extracted_at',
  '_row_hash',
  '_removed_at',
  'transfer_date',
];

/** The declared columns that a table has: those that only serve to make a pseudonym are never stored in one. */
export function loadedColumns({ columns }: { readonly columns: readonly Column[] }): Column[] {
  const inputs = new Set(columns.flatMap(({ pseudonym = [] }) => pseudonym));
  return columns.filter(({ name }) => !inputs.has(name));
}
