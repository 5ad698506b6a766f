import { isDeepStrictEqual } from 'node:util';
import { query } from 'jsonpath-rfc9535';
import type { Format, RestExtract } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { type Mask, snippet } from '../http/mask.ts';

type Located = NonNullable<NonNullable<RestExtract['paging']>['total']>;

/** A response body as far as extracting must understand it. */
export interface Content {
  readonly records: number;
  /** What the source says it holds. */
  readonly total?: number;
  /** The place where records are expected is not there at all. */
  readonly recordsMissing: boolean;
  /** The records, or the bytes where records are not told apart; to compare two pages. */
  readonly comparable: unknown;
}

export interface Answer {
  readonly body: Buffer;
  readonly header: (name: string) => string | undefined;
}

/** How bodies of one source are read. */
export interface Reading {
  readonly format: Format;
  readonly total?: Located;
  readonly mask: Mask;
  /** For messages: which request this answers. */
  readonly asked: string;
}

/** Reads a body, or throws NotJson when it is something else. */
export function readContent(answer: Answer, reading: Reading): Content {
  const { format, total } = reading;
  if (format.json) return readJson(parseJson(answer, reading), format.json.records, answer, total);
  refuseHtml(answer, reading);
  const records = format.jsonl ? countLines(answer.body) : Math.min(answer.body.length, 1);
  return {
    records,
    recordsMissing: false,
    comparable: answer.body,
    ...found(toCount(total?.header && answer.header(total.header))),
  };
}

/** A page without content: a status that the manifest skips, or 204. */
export const noContent: Content = { records: 0, recordsMissing: false, comparable: [] };

/** Whether two pages hold the same records, in the same order. Stops at the first difference. */
export const sameRecords = (one: Content, other: Content): boolean =>
  one.records > 0 && one.records === other.records && isDeepStrictEqual(one.comparable, other.comparable);

/** JSON that begins like JSON and does not end: a proxy gave up, and asking again may help. */
export function looksCutShort({ body }: Answer): boolean {
  const text = body.subarray(0, 64).toString('utf8').trimStart();
  const end = body.subarray(-64).toString('utf8').trimEnd();
  return (text.startsWith('{') && !end.endsWith('}')) || (text.startsWith('[') && !end.endsWith(']'));
}

type Parsed = Parameters<typeof query>[0];

function parseJson(answer: Answer, reading: Reading): Parsed {
  try {
    return JSON.parse(answer.body.toString('utf8')) as Parsed;
  } catch {
    throw unexpected('NotJson', 'JSON', answer, reading);
  }
}

function readJson(body: Parsed, path: string, { header }: Answer, total: Located | undefined): Content {
  const records = query(body, path);
  const container = path.replace(/(\[\*\]|\.\*)$/, '');
  const value = total?.header === undefined ? total?.path && query(body, total.path)[0] : header(total.header);
  return {
    records: records.length,
    recordsMissing: records.length === 0 && query(body, container).length === 0,
    comparable: records,
    ...found(toCount(value)),
  };
}

const found = (total: number | undefined) => (total === undefined ? {} : { total });

/** Numbers also come as text: `"742"`. */
function toCount(value: unknown): number | undefined {
  const count = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

function countLines(body: Buffer): number {
  let lines = 0;
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf(10, start);
    const end = newline < 0 ? body.length : newline;
    if (body.subarray(start, end).some((byte) => byte > 32)) lines += 1;
    start = end + 1;
  }
  return lines;
}

function refuseHtml(answer: Answer, reading: Reading): void {
  const isHtml = /^\s*<(!doctype html|html)/i.test(answer.body.subarray(0, 256).toString('utf8'));
  const name = Object.keys(reading.format)[0] ?? '';
  if (isHtml && name !== 'html') throw unexpected('NotData', name, answer, reading);
}

function unexpected(reason: string, expected: string, answer: Answer, { asked, mask }: Reading): TerminalError {
  const type = answer.header('content-type') ?? 'no content type';
  const what = `${type}, ${answer.body.length} bytes, beginning ${JSON.stringify(snippet(answer.body, mask))}`;
  const cut = looksCutShort(answer) ? ', which ends too early' : '';
  return new TerminalError(
    reason,
    `${asked} answered something that is not ${expected} (${what})${cut}: check the address and path, and whether the source wants a log-in`,
  );
}
