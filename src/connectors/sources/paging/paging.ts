import type { RestExtract } from '../../../api/index.ts';
import { TerminalError } from '../../../run/errors.ts';
import { pageNumbers } from './page.ts';
import { singleRequest } from './single.ts';

/** Where in a response a value is: in its body or in a header. */
export type Located = NonNullable<NonNullable<RestExtract['paging']>['total']>;

/** What a strategy may know of a page. */
export interface PageView {
  readonly records: number;
  /** The first value there, or `undefined`. */
  readonly value: (at: Located) => unknown;
}

/**
 * How one strategy gets from page to page. It knows cursors and addresses; when a source is exhausted, what is stored
 * and where a part ends is the same for all and not its business.
 */
export interface Paging {
  /** Cursor of the first page of a part, `part` counted from 0. */
  readonly first: (part: number, pagesPerPart: number) => string;
  /** The address of the page at a cursor. */
  readonly address: (url: URL, cursor: string) => URL;
  /** The cursor after the page at `cursor`; `undefined` when there is none. */
  readonly next: (cursor: string, page: PageView) => string | undefined;
  /** The cursor after another, where no page needs to be seen to tell: the page can be asked for early. */
  readonly following?: (cursor: string) => string;
  /** Records of a full page, where the request asks for a number. */
  readonly size?: number;
}

/** The strategy that a manifest names. */
export function pagingOf({ paging }: RestExtract): Paging {
  if (!paging) return singleRequest;
  if (paging.page) return pageNumbers(paging.page);
  throw new TerminalError('NotBuilt', `paging by ${Object.keys(paging)[0]} is not built yet; use page`);
}
