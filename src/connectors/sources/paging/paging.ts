import type { RestExtract } from '../../../api/index.ts';
import { TerminalError } from '../../../run/errors.ts';
import { pageNumbers } from './page.ts';
import { singleRequest } from './single.ts';

/**
 * How one strategy gets from page to page. It knows cursors and addresses; when a source is exhausted, what is stored
 * and where a part ends is the same for all and not its business.
 */
export interface Paging {
  /** Cursor of the first page of a part, `part` counted from 0. */
  readonly first: (part: number, pagesPerPart: number) => string;
  /** The address of the page at a cursor. */
  readonly address: (url: URL, cursor: string) => URL;
  /** The cursor of the page after the one at `cursor`; `undefined` when there is none. */
  readonly next: (cursor: string) => string | undefined;
  /** Records of a full page, where the request asks for a number. */
  readonly size?: number;
}

/** The strategy that a manifest names. */
export function pagingOf({ paging }: RestExtract): Paging {
  if (!paging) return singleRequest;
  if (paging.page) return pageNumbers(paging.page);
  throw new TerminalError('NotBuilt', `paging by ${Object.keys(paging)[0]} is not built yet; use page`);
}
