import type { Paging } from './paging.ts';

/** No paging: the answer to one request is everything. */
export const singleRequest: Paging = {
  start: 'only',
  jump: () => 'only',
  request: (base) => base,
  next: () => undefined,
};
