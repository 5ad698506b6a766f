import type { RestPaging } from '../../../api/index.ts';
import { TerminalError } from '../../../run/errors.ts';
import { addressAt, atCursor, cursorOf } from './address.ts';
import type { Paging } from './paging.ts';

/** Each page holds the address of the next. */
export const addressedPages = (at: NonNullable<RestPaging['next']>, first: URL): Paging => ({
  start: '',
  request: atCursor,
  next: (cursor, page) => {
    const address = page.value(at);
    if (address === undefined || address === null || address === '' || address === false) return undefined;
    if (typeof address === 'string') return cursorOf(address, addressAt(first, cursor));
    throw new TerminalError('NextInvalid', `rest.paging.next holds a value of type ${typeof address}, not an address`);
  },
  tellsEnd: true,
});
