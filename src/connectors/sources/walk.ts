import type { RestExtract } from '../../api/index.ts';
import type { RawMeta } from '../../lake/raw.ts';
import { TerminalError } from '../../run/errors.ts';
import type { Tally } from '../../run/types.ts';
import type { PageView, Paging } from './paging/paging.ts';
import { queryOf } from './paging/split.ts';

/** What decides where a part of a source ends. */
export interface WalkRules {
  readonly paging: Paging;
  readonly maxPages: number;
  readonly resultCap?: RestExtract['resultCap'];
  readonly part: number;
  readonly pagesPerPart: number;
  /** Where this part begins, and what the parts before it have counted. */
  readonly start: { readonly next: string; readonly tally: Tally };
}

/** How far a part is. A pure fold over its pages, so that every attempt at it comes to the same end. */
export interface WalkState {
  readonly pages: number;
  readonly fetched: number;
  /** What the slice has counted, earlier parts included. */
  readonly tally: Tally;
  /** Cursor of the next page; absent when the source is exhausted. */
  readonly next?: string;
  /** Every cursor of this part so far, `next` included. */
  readonly cursors: readonly string[];
}

/** A page as the fold sees it: what is kept of it in the lake. */
export type PageFacts = Pick<RawMeta, 'records' | 'total' | 'next' | 'probe'>;

export const startOf = ({ start: { next, tally } }: WalkRules): WalkState => ({
  pages: 0,
  fetched: 0,
  tally,
  next,
  cursors: [next],
});

/** The state after one more page. */
export function advance(state: WalkState, page: PageFacts): WalkState {
  const records = page.probe ? 0 : (page.records ?? 0);
  return {
    pages: state.pages + 1,
    fetched: state.fetched + records,
    tally: countPage(state, page, records),
    cursors: page.next === undefined ? state.cursors : [...state.cursors, page.next],
    ...(page.next === undefined ? {} : { next: page.next }),
  };
}

function countPage({ tally, next = '' }: WalkState, page: PageFacts, records: number): Tally {
  const total = page.total ?? tally.total;
  const seen = tally.seen + records;
  if (page.probe) return { seen, ofQuery: 0, whole: total ?? 0, ended: 0 };
  if (page.next !== undefined && queryOf(page.next) !== queryOf(next)) {
    return { seen, ofQuery: 0, whole: tally.whole ?? 0, ended: (tally.ended ?? 0) + (total ?? 0) };
  }
  return { ...tally, seen, ofQuery: tally.ofQuery + records, ...(total === undefined ? {} : { total }) };
}

/** What the source says the slice holds. Of a split query that is the sum, or the whole if that was more. */
export function totalOf({ whole, ended = 0, total }: Tally): number | undefined {
  return whole === undefined ? total : Math.max(whole, ended + (total ?? 0));
}

/** A page that has just been answered, before it is stored. */
export type FreshPage = PageView & { readonly total?: number };

/** What follows the page at `state.next`. */
export function whatFollows(rules: WalkRules, state: WalkState, page: FreshPage): Pick<PageFacts, 'next' | 'probe'> {
  const { paging } = rules;
  const cursor = state.next;
  if (cursor === undefined) return {};
  const counted = countPage(state, page.total === undefined ? {} : { total: page.total }, page.records);
  if (paging.queryAfter && reachesCap(rules, counted)) {
    // Only the first page may find out: of later ones nobody could tell which records come again.
    const first = rules.part === 0 && state.pages === 0 ? paging.queryAfter(cursor) : undefined;
    return first === undefined ? {} : { next: first, probe: true };
  }
  const next =
    pageAfter(rules, state, page) ?? (queryOf(cursor) === undefined ? undefined : paging.queryAfter?.(cursor));
  return next === undefined ? {} : { next };
}

/**
 * The cursor of the page after the one at `state.next` in the same query, or `undefined` when that one was the last.
 * A source that does not say so itself is exhausted when a page is empty, its total or its cap is reached, or, where no
 * total is known, a page is shorter than asked. With a total a short page is no end: sources clamp the size they are
 * asked for.
 */
function pageAfter({ paging, resultCap }: WalkRules, { tally, next }: WalkState, page: FreshPage): string | undefined {
  const total = page.total ?? tally.total;
  const seen = tally.ofQuery + page.records;
  if (next === undefined || (resultCap && seen >= resultCap.at)) return undefined;
  if (!paging.tellsEnd) {
    const short = page.records < (paging.size ?? 0);
    if (page.records === 0 || (total === undefined ? short : seen >= total)) return undefined;
  }
  const following = paging.next(next, page);
  // An empty page that leads to itself is the last.
  return page.records === 0 && following === next ? undefined : following;
}

/**
 * The state after the page that is under way, when it is sure not to be the last: even if it is full, the total is
 * not reached. Then the page after it can be asked for before this one is understood.
 */
export function foreseen(rules: WalkRules, state: WalkState): WalkState | undefined {
  const { size = Number.POSITIVE_INFINITY, following } = rules.paging;
  const { next, tally } = state;
  if (next === undefined || !following) return undefined;
  const { total = 0 } = tally;
  const counted = { ...tally, seen: tally.seen + size, ofQuery: tally.ofQuery + size };
  const after = { ...state, pages: state.pages + 1, tally: counted, next: following(next) };
  const end = Math.min(total, rules.resultCap?.at ?? total);
  return counted.ofQuery < end && pageOf(rules, after) < rules.maxPages ? after : undefined;
}

/** How many pages of the slice come before the next. */
const pageOf = ({ part, pagesPerPart }: WalkRules, { pages }: WalkState): number => part * pagesPerPart + pages;

/** Whether the part has a page to ask for now. */
export const goesOn = ({ pagesPerPart }: WalkRules, { pages, next }: WalkState): boolean =>
  next !== undefined && pages < pagesPerPart;

/** Refuses to go on past what the manifest allows, or in a circle. */
export function checkBounds(rules: WalkRules, state: WalkState): void {
  const page = pageOf(rules, state);
  if (isCapped(rules, state) && rules.resultCap?.action !== 'Warn') throw capped(rules, state);
  const { tally, next, cursors } = state;
  const before = next === undefined ? -1 : cursors.slice(0, -1).indexOf(next);
  if (before >= 0) {
    throw new TerminalError(
      'PagesRepeat',
      `page ${page} leads back to page ${pageOf(rules, { ...state, pages: before }) + 1}: the source goes in a circle; check rest.paging`,
    );
  }
  if (!goesOn(rules, state) || page < rules.maxPages) return;
  const total = totalOf(tally);
  const found = `${tally.seen} records${total === undefined ? '' : ` of ${total}`}`;
  throw new TerminalError(
    'TooManyPages',
    `${page} pages (${found}) and no end: raise rest.paging.maxPages, or check that the source heeds the page it is asked for`,
  );
}

/** Whether the source fell silent at its cap: what it says it holds, or what it gave, reaches it. */
export const isCapped = (rules: WalkRules, { tally }: WalkState): boolean => reachesCap(rules, tally);

const reachesCap = ({ resultCap }: WalkRules, { total = 0, ofQuery }: Tally): boolean =>
  resultCap !== undefined && (total >= resultCap.at || ofQuery >= resultCap.at);

export function capMessage({ resultCap, paging }: WalkRules, { tally, cursors }: WalkState): string {
  const query = paging.nameOf?.(cursors.at(-1) ?? '') ?? 'this one';
  const has = tally.total ?? `at least ${tally.ofQuery}`;
  return `the source gives at most ${resultCap?.at} records to one query and has ${has} for ${query}`;
}

function capped(rules: WalkRules, state: WalkState): TerminalError {
  const advice =
    rules.resultCap?.action === 'Split'
      ? 'rest.resultCap.splitBy needs values that each ask for less'
      : 'ask for less at a time (by date, series or agency; rest.resultCap.action Split does it), or set rest.resultCap.action to Warn to go on without the rest';
  return new TerminalError('ResultCapped', `${capMessage(rules, state)}: ${advice}`);
}
