import type { RestExtract } from '../../api/index.ts';
import type { RawMeta } from '../../lake/raw.ts';
import { TerminalError } from '../../run/errors.ts';
import type { PageView, Paging } from './paging/paging.ts';

/** What decides where a part of a source ends. */
export interface WalkRules {
  readonly paging: Paging;
  readonly maxPages: number;
  readonly resultCap?: RestExtract['resultCap'];
  readonly part: number;
  readonly pagesPerPart: number;
  /** Records in the parts before this one. */
  readonly before: number;
}

/** How far a part is. A pure fold over its pages, so that every attempt at it comes to the same end. */
export interface WalkState {
  readonly pages: number;
  readonly fetched: number;
  /** The last total that the source told. */
  readonly total?: number;
  /** Cursor of the next page; absent when the source is exhausted. */
  readonly next?: string;
}

export const startOf = ({ paging, part, pagesPerPart }: WalkRules): WalkState => ({
  pages: 0,
  fetched: 0,
  next: paging.first(part, pagesPerPart),
});

/** The state after one more page. */
export function advance(state: WalkState, page: Pick<RawMeta, 'records' | 'total' | 'next'>): WalkState {
  const total = page.total ?? state.total;
  return {
    pages: state.pages + 1,
    fetched: state.fetched + (page.records ?? 0),
    ...(total === undefined ? {} : { total }),
    ...(page.next === undefined ? {} : { next: page.next }),
  };
}

/**
 * The cursor after the page at `state.next`, or `undefined` when that page was the last: it is empty, the source's
 * total or its cap is reached, or, where no total is known, it is shorter than asked. With a total a short page is no
 * end, because sources clamp the size they are asked for.
 */
export function cursorAfter(
  rules: WalkRules,
  state: WalkState,
  page: PageView & { readonly total?: number },
): string | undefined {
  const total = page.total ?? state.total;
  const seen = rules.before + state.fetched + page.records;
  const short = page.records < (rules.paging.size ?? 0);
  if (page.records === 0 || (total === undefined ? short : seen >= total)) return undefined;
  if (rules.resultCap && seen >= rules.resultCap.at) return undefined;
  return state.next === undefined ? undefined : rules.paging.next(state.next, page);
}

/**
 * The state after the page that is under way, when it is sure not to be the last: even if it is full, the total is
 * not reached. Then the page after it can be asked for before this one is understood.
 */
export function foreseen(rules: WalkRules, state: WalkState): WalkState | undefined {
  const { size = Number.POSITIVE_INFINITY, following } = rules.paging;
  const { next, total = 0 } = state;
  if (next === undefined || !following) return undefined;
  const after = { ...state, pages: state.pages + 1, fetched: state.fetched + size, next: following(next) };
  const end = Math.min(total, rules.resultCap?.at ?? total);
  return rules.before + after.fetched < end && pageOf(rules, after) < rules.maxPages ? after : undefined;
}

/** How many pages of the slice come before the next. */
const pageOf = ({ part, pagesPerPart }: WalkRules, { pages }: WalkState): number => part * pagesPerPart + pages;

/** Whether the part has a page to ask for now. */
export const goesOn = ({ pagesPerPart }: WalkRules, { pages, next }: WalkState): boolean =>
  next !== undefined && pages < pagesPerPart;

/** Refuses to go on past what the manifest allows. */
export function checkBounds(rules: WalkRules, state: WalkState): void {
  const page = pageOf(rules, state);
  if (isCapped(rules, state) && rules.resultCap?.action !== 'Warn') throw capped(rules, state);
  if (!goesOn(rules, state) || page < rules.maxPages) return;
  const { total } = state;
  const found = `${rules.before + state.fetched} records${total === undefined ? '' : ` of ${total}`}`;
  throw new TerminalError(
    'TooManyPages',
    `${page} pages (${found}) and no end: raise rest.paging.maxPages, or check that the source heeds the page it is asked for`,
  );
}

/** Whether the source fell silent at its cap: what it says it holds, or what it gave, reaches it. */
export const isCapped = ({ resultCap, before }: WalkRules, { total = 0, fetched }: WalkState): boolean =>
  resultCap !== undefined && (total >= resultCap.at || before + fetched >= resultCap.at);

export const capMessage = ({ resultCap, before }: WalkRules, { total, fetched }: WalkState): string =>
  `the source gives at most ${resultCap?.at} records to one query and has ${total ?? `at least ${before + fetched}`} for this one`;

const capped = (rules: WalkRules, state: WalkState): TerminalError =>
  new TerminalError(
    'ResultCapped',
    `${capMessage(rules, state)}: ask for less at a time (by date, series or agency), or set rest.resultCap.action to Warn to go on without the rest`,
  );
