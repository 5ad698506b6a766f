import type { Paging } from './paging.ts';

/** No paging: the answer to one request is everything. */
export const singleRequest: Paging = {
  first: () => 'only',
  address: (url) => url,
  next: () => undefined,
};
