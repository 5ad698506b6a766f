import type { RestPaging } from '../../../api/index.ts';
import { TerminalError } from '../../../run/errors.ts';
import type { Json } from '../../../run/key.ts';
import type { HttpRequest } from '../../http/client.ts';
import { withParams } from './address.ts';
import type { Paging } from './paging.ts';

type Cursor = NonNullable<RestPaging['cursor']>;

/** Each page names a cursor for the next, which goes into a query parameter, a header or a field of the body. */
export function namedCursors({ param, header, field, next }: Cursor): Paging {
  const place = field === undefined ? 'text' : 'json';
  const request = (base: HttpRequest, cursor: string): HttpRequest => {
    if (cursor === '') return base;
    if (param !== undefined) return withParams(base, { [param]: cursor });
    if (header !== undefined) return withHeader(base, header, cursor);
    return {
      ...base,
      body: JSON.stringify(withField(bodyOf(base), (field ?? '').split('.'), JSON.parse(cursor) as Json)),
    };
  };
  return {
    start: '',
    request,
    next: (_, page) => cursorText(page.value(next), place),
    tellsEnd: true,
  };
}

/** A body keeps the type of a cursor, so it is kept as JSON then; elsewhere all is text. */
function cursorText(value: unknown, place: 'text' | 'json'): string | undefined {
  if (value === undefined || value === null || value === '' || value === false) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw invalid(`the number ${value}, which is too large to be exact; only a text could carry it`);
  }
  if (place === 'json') return JSON.stringify(value);
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw invalid(
    `${Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`}, which only rest.paging.cursor.field can send`,
  );
}

const invalid = (found: string): TerminalError =>
  new TerminalError('NextInvalid', `rest.paging.cursor.next holds ${found}`);

const bodyOf = ({ body = '{}' }: HttpRequest): Json => JSON.parse(body) as Json;

function withHeader(base: HttpRequest, name: string, value: string): HttpRequest {
  const others = base.headers.filter((header) => header.name.toLowerCase() !== name.toLowerCase());
  return { ...base, headers: [...others, { name, value }] };
}

/** A copy with the member at a path set; objects on the way are made where they are missing. */
function withField(body: Json, [name = '', ...rest]: readonly string[], value: Json): Json {
  const members = typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {};
  const member = (members as Readonly<Record<string, Json>>)[name];
  return { ...members, [name]: rest.length === 0 ? value : withField(member ?? {}, rest, value) };
}
