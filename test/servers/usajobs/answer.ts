import type { Ranked } from './catalogue.ts';
import type { Posting } from './posting.ts';
import type { Search } from './search.ts';

/** How the source misbehaves until it is told otherwise. */
export interface Behaviour {
  /** Time before each answer. */
  readonly latencyMs: number;
  /** Places by which the sort order has moved on at each further search: rows repeat and are missed between pages. */
  readonly drift: number;
  /** Every page is page 1; the total is honest, or always promises one page more. */
  readonly repeat: 'Off' | 'Honest' | 'Endless';
  /** Only the first half of the rows is served; the total is that of all, or of the half. */
  readonly half: 'Off' | 'Honest' | 'Shrunken';
}

export const wellBehaved: Behaviour = { latencyMs: 0, drift: 0, repeat: 'Off', half: 'Off' };

/** A page of results before it is text. */
export interface Page {
  readonly rows: readonly Ranked[];
  readonly total: number;
}

export interface PageInput {
  readonly found: readonly Ranked[];
  readonly search: Search;
  readonly behaviour: Behaviour;
  /** The API serves no row beyond this one, and says nothing about it. */
  readonly resultCap: number;
  /** Places by which a drifting order has moved on. */
  readonly moved: number;
}

/** Cuts the asked page out of what was found. */
export function cutPage({ found, search, behaviour, resultCap, moved }: PageInput): Page {
  const ordered = rotate(found, moved);
  const half = ordered.slice(0, Math.ceil(ordered.length / 2));
  const served = behaviour.half === 'Off' ? ordered : half;
  const page = behaviour.repeat === 'Off' ? search.page : 1;
  const rows = served.slice(0, resultCap).slice((page - 1) * search.size, page * search.size);
  const honest = behaviour.half === 'Shrunken' ? half.length : found.length;
  return { rows, total: behaviour.repeat === 'Endless' ? (search.page + 1) * search.size : honest };
}

function rotate<Item>(items: readonly Item[], by: number): readonly Item[] {
  if (items.length === 0) return items;
  const start = by % items.length;
  return [...items.slice(items.length - start), ...items.slice(0, items.length - start)];
}

/** The API counts pages of 25, whatever page size was asked for, and says so in text. */
const countedPage = 25;

/** The body of an answer. */
export function render({ rows, total }: Page, search: Search): string {
  const items = rows.map((row) => renderItem(row, search.fields)).join(',');
  const area = JSON.stringify({
    NumberOfPages: String(Math.ceil(total / countedPage)),
    IsRadialSearch: search.locations.length > 0,
  });
  return (
    '{"LanguageCode":"EN","SearchParameters":{},"SearchResult":{' +
    `"SearchResultCount":${rows.length},"SearchResultCountAll":${total},` +
    `"SearchResultItems":[${items}],"UserArea":${area}}}`
  );
}

const rendered = { Full: new WeakMap<Posting, string>(), Min: new WeakMap<Posting, string>() };

/** The long part of an item is made into text once per posting; the relevance changes from day to day. */
function renderItem({ posting, relevance }: Ranked, fields: Search['fields']): string {
  const known = rendered[fields].get(posting);
  const text = known ?? renderPosting(posting, fields);
  if (known === undefined) rendered[fields].set(posting, text);
  return `${text},"RelevanceRank":${relevance}}`;
}

/** An item up to its last member. */
function renderPosting({ id, descriptor }: Posting, fields: Search['fields']): string {
  const shown = fields === 'Full' ? descriptor : withoutLongDetails(descriptor);
  return `{"MatchedObjectId":${JSON.stringify(id)},"MatchedObjectDescriptor":${JSON.stringify(shown)}`;
}

/** The minimal answer keeps the summary of the job and who may apply. */
function withoutLongDetails(descriptor: Posting['descriptor']) {
  const { JobSummary, WhoMayApply, LowGrade, HighGrade } = descriptor.UserArea.Details;
  const details = { JobSummary, WhoMayApply, LowGrade, HighGrade };
  return { ...descriptor, UserArea: { ...descriptor.UserArea, Details: details } };
}
