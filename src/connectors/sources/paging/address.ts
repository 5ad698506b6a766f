import { TerminalError } from '../../../run/errors.ts';
import type { HttpRequest } from '../../http/client.ts';

/** The request with these query parameters, in place of those of the same name. */
export function withParams(request: HttpRequest, params: Readonly<Record<string, string>>): HttpRequest {
  const url = new URL(request.url);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return { ...request, url };
}

/**
 * The cursor for an address that a source gives: its path and query, so that it can lead to no other host than the
 * one that is asked already, not even after a detour through the lake.
 */
export function cursorOf(address: string, current: URL): string {
  const url = URL.parse(address, current);
  if (url?.origin !== current.origin) {
    const found = url === null ? 'something that is no address' : `an address at ${url.origin}`;
    throw new TerminalError(
      'NextInvalid',
      `the source names ${found} as its next page; only pages at ${current.origin}, the origin of rest.baseUrl, are asked for`,
    );
  }
  return url.pathname + url.search;
}

/** The address of the page at such a cursor; the first page is at the address that paging starts from. */
export const addressAt = (first: URL, cursor: string): URL => (cursor === '' ? first : new URL(first.origin + cursor));

/** The request for the page at such a cursor. */
export const atCursor = (base: HttpRequest, cursor: string): HttpRequest => ({
  ...base,
  url: addressAt(base.url, cursor),
});
