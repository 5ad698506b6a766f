import { isDeepStrictEqual } from 'node:util';
import { query } from 'jsonpath-rfc9535';
import type { Format } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { type Mask, snippet } from '../http/mask.ts';
import type { Located, PageView } from './paging/paging.ts';

/** A response body as far as extracting must understand it. */
export interface Content extends PageView {
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
  const content = format.json ? readJson(answer, reading, format.json.records) : readOther(answer, reading);
  const count = total && toCount(content.value(total));
  return count === undefined ? content : { ...content, total: count };
}

/** A page without content: a status that the manifest skips, or 204. */
export const noContent: Content = { records: 0, recordsMissing: false, comparable: [], value: () => undefined };

/** Whether two pages hold the same records, in the same order. Stops at the first difference. */
export const sameRecords = (one: Content, other: Content): boolean =>
  one.records > 0 && one.records === other.records && isDeepStrictEqual(one.comparable, other.comparable);

/** JSON that begins like JSON and does not end: a proxy gave up, and asking again may help. */
export function looksCutShort({ body }: Answer): boolean {
  const text = body.subarray(0, 64).toString('utf8').trimStart();
  const end = body.subarray(-64).toString('utf8').trimEnd();
  return (text.startsWith('{') && !end.endsWith('}')) || (text.startsWith('[') && !end.endsWith(']'));
}

function readJson(answer: Answer, reading: Reading, path: string): Content {
  const body = parseJson(answer, reading);
  const records = query(body, asLatin1(path));
  const container = path.replace(/(\[\*\]|\.\*)$/, '');
  return {
    records: records.length,
    recordsMissing: records.length === 0 && query(body, asLatin1(container)).length === 0,
    comparable: records,
    value: (at) =>
      at.path === undefined ? answer.header(at.header ?? '') : fromLatin1(query(body, asLatin1(at.path))[0]),
  };
}

type Parsed = Parameters<typeof query>[0];

/**
 * Parses bytes as if each were a character. The structure of JSON is ASCII, so it is the same, and strings take half
 * the memory and time where a single character beyond Latin-1 would make all of them wide. Paths are taken the same way.
 */
function parseJson(answer: Answer, reading: Reading): Parsed {
  try {
    return JSON.parse(answer.body.toString('latin1').replace(byteOrderMark, '')) as Parsed;
  } catch {
    throw unexpected('NotJson', 'JSON', answer, reading);
  }
}

/** Not allowed before JSON, but some servers send it, and readers of the lake take no offence. */
const byteOrderMark = /^\xef\xbb\xbf/;

const asLatin1 = (text: string): string => Buffer.from(text).toString('latin1');

/** The value as it is meant, strings inside it included. */
const fromLatin1 = (value: Parsed | undefined): unknown =>
  value === undefined ? undefined : JSON.parse(Buffer.from(JSON.stringify(value), 'latin1').toString());

/** Records of other formats are not told apart here: lines are counted, anything else is one body. */
function readOther(answer: Answer, reading: Reading): Content {
  const { body, header } = answer;
  refuseHtml(answer, reading);
  return {
    records: reading.format.jsonl ? countLines(body) : Math.min(body.length, 1),
    recordsMissing: false,
    comparable: body,
    value: (at) => at.header && header(at.header),
  };
}

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
