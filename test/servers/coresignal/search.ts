import { z } from 'zod';
import type { Posting } from './posting.ts';
import { matches, type TextQuery, textQuery } from './textQuery.ts';

const time = z.string().regex(/^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?$/);
/** The API takes a flag as 0, 1, true or false. */
const flag = z.union([z.boolean(), z.literal(0), z.literal(1)]).transform(Boolean);

/** The filters that are heeded. Others that the real API knows are refused here, so that no test relies on them. */
const filters = z.strictObject({
  application_active: flag.optional(),
  deleted: flag.optional(),
  country: z.string().optional(),
  industry: z.string().optional(),
  title: z.string().transform(textQuery).optional(),
  last_updated_gte: time.transform(millisOf).optional(),
  last_updated_lte: time.transform(millisOf).optional(),
  created_at_gte: time.transform(millisOf).optional(),
  created_at_lte: time.transform(millisOf).optional(),
});

export interface Page {
  readonly ids: readonly number[];
  readonly total: number;
  readonly pages: number;
  /** Opaque; absent on the last page. */
  readonly next?: string;
}

/** One page of what a search finds; throws a `ZodError` on filters or parameters of a wrong kind. */
export function search(postings: readonly Posting[], body: unknown, params: URLSearchParams): Page {
  const filter = filters.parse(body);
  const size = z.coerce
    .number()
    .int()
    .min(1)
    .max(1000)
    .parse(params.get('items_per_page') ?? '1000');
  const found = postings
    .filter((posting) => isFound(posting, filter))
    .map((posting) => ({ id: posting.id, place: placeOf(posting) }))
    .sort((a, b) => (a.place < b.place ? -1 : 1));
  const after = params.get('after');
  const from = after === null ? 0 : found.findIndex(({ place }) => place > readCursor(after));
  const page = from < 0 ? [] : found.slice(from, from + size);
  const last = page.at(-1);
  const more = last !== undefined && last !== found.at(-1);
  return {
    ids: page.map(({ id }) => id),
    total: found.length,
    pages: Math.ceil(found.length / size),
    ...(more ? { next: cursorOf(last.place) } : {}),
  };
}

/** Postings are in the order of the day of their creation, then of their id. */
const placeOf = ({ id, createdAt }: Posting): string =>
  `${new Date(createdAt).toISOString().slice(0, 10)} ${String(id).padStart(12, '0')}`;

/** `"2025-03-03",3771705` */
function cursorOf(place: string): string {
  const [date = '', id = ''] = place.split(' ');
  return `${JSON.stringify(date)},${Number(id)}`;
}

function readCursor(text: string): string {
  const [, date = '', id = ''] =
    z
      .string()
      .transform((cursor) => /^"(\d{4}-\d\d-\d\d)",(\d{1,12})$/.exec(cursor))
      .refine((match) => match !== null, 'is no cursor that this service gave')
      .parse(text) ?? [];
  return `${date} ${id.padStart(12, '0')}`;
}

function isFound(posting: Posting, filter: z.output<typeof filters>): boolean {
  const { createdAt, updatedAt } = posting;
  const is = <Value>(wanted: Value | undefined, value: Value) => wanted === undefined || wanted === value;
  const within = (from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, at: number) => from <= at && at <= to;
  return (
    is(filter.application_active, posting.active) &&
    is(filter.deleted, posting.deleted) &&
    is(filter.country, posting.country) &&
    is(filter.industry, posting.industry) &&
    within(filter.last_updated_gte, filter.last_updated_lte, updatedAt) &&
    within(filter.created_at_gte, filter.created_at_lte, createdAt) &&
    hasTitle(posting, filter.title)
  );
}

const hasTitle = ({ title }: Posting, query: TextQuery | undefined): boolean =>
  query === undefined || matches(query, title);

function millisOf(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}${text.includes(' ') ? '' : 'T00:00:00'}Z`);
}
