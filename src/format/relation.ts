import type { Want } from './records.ts';

/** SQL of one wanted value, and of whether it has the wrong shape. */
export interface Field {
  readonly value: string;
  readonly odd: string;
}

/** The `_f<i>` and `_x<i>` of all wants, as a select list. */
export const fieldColumns = (wants: readonly Want[], field: (want: Want, at: number) => Field): string =>
  [
    ...wants.flatMap((want, at) => {
      const { value, odd } = field(want, at);
      return [`${value} AS _f${at}`, `${odd} AS _x${at}`];
    }),
    '0 AS _end',
  ].join(', ');

/** A `fields` relation without rows: it gives a union its names and types. */
export const emptyFields = (wants: readonly Want[]): string =>
  'SELECT NULL::INTEGER AS _file, NULL::BIGINT AS _source_row, NULL::VARCHAR AS _broken, NULL::VARCHAR AS _found, ' +
  `${fieldColumns(wants, ({ as }) => ({ value: as === 'list' ? 'NULL::VARCHAR[]' : 'NULL::VARCHAR', odd: 'false' }))} WHERE false`;
