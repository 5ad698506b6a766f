import type { RestPaging } from '../../../api/index.ts';
import { addressAt, atCursor, cursorOf } from './address.ts';
import type { Paging } from './paging.ts';

/** Each page links to the next in its `Link` header (RFC 8288). */
export function linkedPages({ rel }: NonNullable<RestPaging['link']>, first: URL): Paging {
  return {
    start: '',
    request: atCursor,
    next: (cursor, page) => {
      const target = linkTarget(page.value({ header: 'link' }), rel);
      return target === undefined ? undefined : cursorOf(target, addressAt(first, cursor));
    },
    tellsEnd: true,
  };
}

const link = /<([^<>]*)>((?:\s*;\s*[^\s=;,"<>]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"<>]*))?)*)/g;
const parameter = /;\s*([^\s=;,"<>]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"<>]*)))?/g;

/** The target of the first link with a relation type. Links of other things than this page (`anchor`) do not count. */
export function linkTarget(header: unknown, rel: string): string | undefined {
  if (typeof header !== 'string') return undefined;
  for (const [, target = '', parameters = ''] of header.matchAll(link)) {
    const named = new Map<string, string>();
    for (const [, name = '', quoted, token = ''] of parameters.matchAll(parameter)) {
      // Of a parameter that is given twice the first counts.
      if (!named.has(name.toLowerCase())) named.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? token);
    }
    const relations = (named.get('rel') ?? '').toLowerCase().split(/\s+/);
    if (relations.includes(rel.toLowerCase()) && !named.has('anchor')) return target;
  }
  return undefined;
}
