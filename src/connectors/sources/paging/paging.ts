import type { RestExtract, RestPaging } from '../../../api/index.ts';
import type { HttpRequest } from '../../http/client.ts';
import { namedCursors } from './cursor.ts';
import { linkedPages } from './link.ts';
import { addressedPages } from './nextAddress.ts';
import { recordOffsets } from './offset.ts';
import { pageNumbers } from './page.ts';
import { singleRequest } from './single.ts';
import { splitQueries } from './split.ts';

/** Where in a response a value is: in its body or in a header. */
export type Located = NonNullable<RestPaging['total']>;

/** What a strategy may know of a page. */
export interface PageView {
  readonly records: number;
  /** The first value there, or `undefined`. */
  readonly value: (at: Located) => unknown;
}

/**
 * How one strategy gets from page to page. It knows cursors and requests; when a source is exhausted, what is stored
 * and where a part ends is the same for all and not its business.
 */
export interface Paging {
  /** Cursor of the first page. */
  readonly start: string;
  /** Cursor of the first page of a part, `part` counted from 0; absent where only the part before can tell. */
  readonly jump?: (part: number, pagesPerPart: number) => string;
  /** The request for the page at a cursor. */
  readonly request: (base: HttpRequest, cursor: string) => HttpRequest;
  /** The cursor after the page at `cursor`; `undefined` when there is none. */
  readonly next: (cursor: string, page: PageView) => string | undefined;
  /** The cursor after another, where no page needs to be seen to tell: the page can be asked for early. */
  readonly following?: (cursor: string) => string;
  /** Records of a full page, where the request asks for a number. */
  readonly size?: number;
  /** The source says itself which page is the last: a short page, an empty one or a total says nothing about it. */
  readonly tellsEnd?: boolean;
  /** Where a query can be split: the first page of the query after the one that `cursor` is in. */
  readonly queryAfter?: (cursor: string) => string | undefined;
  /** For messages: the query that `cursor` is in. */
  readonly nameOf?: (cursor: string) => string;
}

/** The strategy that a manifest names, for pages that begin at an address. */
export function pagingOf({ paging, resultCap }: RestExtract, first: URL): Paging {
  const strategy = paging ? strategyOf(paging, first) : singleRequest;
  return resultCap?.splitBy ? splitQueries(strategy, resultCap.splitBy) : strategy;
}

function strategyOf({ page, offset, cursor, link, next }: RestPaging, first: URL): Paging {
  if (page) return pageNumbers(page);
  if (offset) return recordOffsets(offset);
  if (cursor) return namedCursors(cursor);
  if (link) return linkedPages(link, first);
  return next ? addressedPages(next, first) : singleRequest;
}
