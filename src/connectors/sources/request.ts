import type { RestExtract } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { renderJson, renderText, type TemplateValues } from '../../run/template.ts';
import type { ReadSecret } from '../../workers/stage.ts';
import type { HttpHeader, HttpRequest } from '../http/client.ts';
import type { Access } from './auth.ts';

/** The request of a manifest with its templates rendered and its secrets read; paging only changes its address. */
export function buildRequest(
  rest: RestExtract,
  values: TemplateValues,
  secret: ReadSecret,
  access: Access = { headers: [], secrets: [] },
): HttpRequest {
  const url = address(rest, values);
  const headers = [...rest.headers.flatMap((header) => readHeader(header, secret)), ...access.headers];
  const has = (name: string) => headers.some((header) => header.name.toLowerCase() === name);
  const request = { method: rest.method, url, headers: has('accept') ? headers : [...headers, acceptJson] };
  if (rest.body === undefined) return request;
  return {
    ...request,
    headers: has('content-type') ? request.headers : [...request.headers, jsonContent],
    body: JSON.stringify(renderJson(rest.body, values)),
  };
}

const acceptJson: HttpHeader = { name: 'Accept', value: 'application/json, */*;q=0.5' };
const jsonContent: HttpHeader = { name: 'Content-Type', value: 'application/json' };

/** The secret values that a request carries. */
export const secretsOf = ({ headers }: HttpRequest): string[] =>
  headers.flatMap(({ value, secret }) => (secret === undefined ? [] : [value]));

/** A rendered value can change neither the host nor climb out of `baseUrl`'s path: parameters may come from anyone. */
function address({ baseUrl, path, query }: RestExtract, values: TemplateValues): URL {
  const url = new URL(baseUrl);
  if (url.username !== '' || url.password !== '') {
    throw new TerminalError(
      'UrlInvalid',
      `rest.baseUrl (${url.host}) holds a user or password; use a header with valueFrom`,
    );
  }
  const rendered = renderText(path, values);
  if (/(^|[/\\])(\.|%2e){1,2}([/\\]|$)/i.test(rendered)) {
    throw new TerminalError('UrlInvalid', `rest.path ${JSON.stringify(path)} becomes a path with "." or ".." in it`);
  }
  if (rendered !== '') url.pathname = `${url.pathname.replace(/\/$/, '')}/${rendered.replace(/^\//, '')}`;
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, renderText(value, values));
  return url;
}

function readHeader({ name, value, valueFrom }: RestExtract['headers'][number], secret: ReadSecret): HttpHeader[] {
  if (!valueFrom) return [{ name, value: value ?? '' }];
  const ref = valueFrom.secretKeyRef;
  const read = secret(ref);
  return read === undefined ? [] : [{ name, value: read, secret: `secret ${ref.name}, key ${ref.key}` }];
}
