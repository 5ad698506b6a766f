import type { RestPaging } from '../../../api/index.ts';
import { withParams } from './address.ts';
import { sizeOf } from './page.ts';
import type { Paging } from './paging.ts';

/**
 * Pages start at a record; the cursor is its number as text. A page starts after the records that came, not after
 * those that were asked for: a source that gives fewer than asked loses none. So no part can tell its place alone.
 */
export function recordOffsets({ param, sizeParam, size }: NonNullable<RestPaging['offset']>): Paging {
  return {
    start: '0',
    request: (base, cursor) => withParams(base, { [param]: cursor, ...sizeOf(sizeParam, size) }),
    next: (cursor, { records }) => String(Number(cursor) + records),
    following: (cursor) => String(Number(cursor) + size),
    size,
  };
}
