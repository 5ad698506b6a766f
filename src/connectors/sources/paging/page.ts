import type { RestExtract } from '../../../api/index.ts';
import type { Paging } from './paging.ts';

type PageNumbers = NonNullable<NonNullable<RestExtract['paging']>['page']>;

/** Pages have numbers; the cursor is the number as text. */
export function pageNumbers({ param, first, sizeParam, size }: PageNumbers): Paging {
  const following = (cursor: string) => String(Number(cursor) + 1);
  return {
    first: (part, pagesPerPart) => String(first + part * pagesPerPart),
    address: (url, cursor) => {
      const address = new URL(url);
      address.searchParams.set(param, cursor);
      if (sizeParam !== undefined && size !== undefined) address.searchParams.set(sizeParam, String(size));
      return address;
    },
    next: following,
    following,
    ...(size === undefined ? {} : { size }),
  };
}
