import type { RestPaging } from '../../../api/index.ts';
import { withParams } from './address.ts';
import type { Paging } from './paging.ts';

/** Pages have numbers; the cursor is the number as text. */
export function pageNumbers({ param, first, sizeParam, size }: NonNullable<RestPaging['page']>): Paging {
  const following = (cursor: string) => String(Number(cursor) + 1);
  return {
    start: String(first),
    jump: (part, pagesPerPart) => String(first + part * pagesPerPart),
    request: (base, cursor) => withParams(base, { [param]: cursor, ...sizeOf(sizeParam, size) }),
    next: following,
    following,
    ...(size === undefined ? {} : { size }),
  };
}

/** The parameter that asks for a page of some size. */
export const sizeOf = (sizeParam: string | undefined, size: number | undefined): Readonly<Record<string, string>> =>
  sizeParam === undefined || size === undefined ? {} : { [sizeParam]: String(size) };
