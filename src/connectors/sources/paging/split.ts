import type { RestExtract } from '../../../api/index.ts';
import { withParams } from './address.ts';
import type { Paging } from './paging.ts';

export type SplitBy = NonNullable<NonNullable<RestExtract['resultCap']>['splitBy']>;

/**
 * Cursors of the queries that one query is split into: `split/<number of the value>/<cursor>`. Any other cursor is one
 * of the whole query.
 */
const syntax = /^split\/(\d+)\/(.*)$/s;

/** The number of the value whose query a cursor is in; `undefined` for the whole query. */
export function queryOf(cursor: string): number | undefined {
  const [, number] = syntax.exec(cursor) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** Pages of a query that may be split: where one value's query ends, the next value's begins. */
export function splitQueries(paging: Paging, { param, values }: SplitBy): Paging {
  const inner = (cursor: string) => syntax.exec(cursor)?.[2] ?? cursor;
  const inQueryOf = (cursor: string, next: string | undefined) => {
    const query = queryOf(cursor);
    return next === undefined || query === undefined ? next : `split/${query}/${next}`;
  };
  const { following } = paging;
  return {
    ...paging,
    request: (base, cursor) => {
      const value = values[queryOf(cursor) ?? -1];
      return paging.request(value === undefined ? base : withParams(base, { [param]: value }), inner(cursor));
    },
    next: (cursor, page) => inQueryOf(cursor, paging.next(inner(cursor), page)),
    ...(following ? { following: (cursor) => inQueryOf(cursor, following(inner(cursor))) ?? '' } : {}),
    queryAfter: (cursor) => {
      const query = (queryOf(cursor) ?? -1) + 1;
      return query < values.length ? `split/${query}/${paging.start}` : undefined;
    },
    nameOf: (cursor) => {
      const value = values[queryOf(cursor) ?? -1];
      return value === undefined ? 'the whole query' : `${param}=${value}`;
    },
  };
}
