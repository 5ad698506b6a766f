import { listRaw, putRaw, type RawFacts, type RawObject, readRaw } from '../../lake/raw.ts';
import { TerminalError } from '../../run/errors.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import type { Notice, StepResult } from '../../run/types.ts';
import type { StageContext } from '../../workers/stage.ts';
import type { HttpClient, HttpRequest } from '../http/client.ts';
import type { Mask } from '../http/mask.ts';
import { describeRequest } from '../http/verdict.ts';
import { type Answered, askWhole, isEmpty } from './answer.ts';
import { type Content, noContent, type Reading, readContent, sameRecords } from './content.ts';
import { extractResult } from './result.ts';
import {
  advance,
  capMessage,
  checkBounds,
  foreseen,
  goesOn,
  isCapped,
  startOf,
  totalOf,
  type WalkRules,
  type WalkState,
  whatFollows,
} from './walk.ts';

/** What one part of one source needs to be walked. */
export interface Walk {
  readonly context: StageContext<ExtractSpec>;
  readonly client: HttpClient;
  /** The request without what asks for a page. */
  readonly request: HttpRequest;
  readonly rules: WalkRules;
  readonly reading: Omit<Reading, 'asked'>;
  /** Where the raw pages of this part lie. */
  readonly folder: string;
  /** Ends whatever is under way when the walk ends. */
  readonly signal: AbortSignal;
}

/**
 * Fetches and stores the pages of one part, from where earlier attempts stopped.
 * While a page is read and stored the next is already asked for: one ahead, never more.
 */
export async function walkPages(walk: Walk): Promise<StepResult> {
  const { context, client, rules } = walk;
  const raws = await adoptable(walk);
  const adopted = raws.length;
  let state = raws.reduce((before, { meta }) => advance(before, meta), startOf(rules));
  checkBounds(rules, state);
  let upcoming = ask(walk, state);
  let previous = upcoming ? await contentBefore(walk, raws) : noContent;
  const notices: Notice[] = [];
  while (upcoming) {
    const page = await upcoming;
    const guess = foreseen(rules, state);
    upcoming = guess && ask(walk, guess);
    const content = contentOf(walk, page);
    refuseRepeat(rules, state, previous, content);
    if (content.recordsMissing) notices.push(recordsMissing(walk, page));
    const expected = advance(state, factsOf(walk, state, page, content));
    checkBounds(rules, expected);
    if (expected.next !== guess?.next) upcoming = ask(walk, expected);
    const stored = await store(walk, state, page, content);
    context.crashPoint('after-raw-put');
    raws.push(stored.raw);
    previous = stored.content;
    state = advance(state, stored.raw.meta);
    // Another attempt stored a different page first: we go on from that one's cursor.
    if (state.next !== expected.next) upcoming = ask(walk, state);
    const number = rules.part * rules.pagesPerPart + state.pages;
    context.progress(`page ${number}: ${state.tally.seen} of ${totalOf(state.tally) ?? 'unknown'} records`);
  }
  return result(rules, raws, state, notices, adopted + client.sent);
}

/** Pages that earlier attempts stored, up to the first gap. They are not asked for again. */
async function adoptable({ context, folder }: Walk): Promise<RawObject[]> {
  const found = await listRaw(context.lake, folder);
  return found.filter((raw, at) => raw.index === at);
}

/** The page before the first that is asked for now: from an earlier attempt, or from the part that this one follows. */
async function contentBefore(walk: Walk, raws: readonly RawObject[]): Promise<Content> {
  const { lake, inputs } = walk.context;
  const path = raws.at(-1)?.path ?? inputs[0]?.partitions[0]?.files.at(-1)?.path;
  if (path === undefined) return noContent;
  return readContent({ body: await readRaw(lake, path), header: () => undefined }, { ...walk.reading, asked: path });
}

/** The next page, under way; `undefined` at the end of the part. */
function ask(walk: Walk, state: WalkState): Promise<Answered> | undefined {
  if (!goesOn(walk.rules, state)) return undefined;
  const page = fetchPage(walk, state);
  // Whoever awaits it sees its failure; one that nobody awaits any more must not end the process.
  page.catch(() => undefined);
  return page;
}

const fetchPage = ({ client, request, rules, reading, signal }: Walk, state: WalkState): Promise<Answered> =>
  askWhole(client, rules.paging.request(request, state.next ?? ''), reading.format, signal);

function contentOf({ reading }: Walk, page: Answered, body = page.answer.body): Content {
  if (isEmpty(page)) return noContent;
  const asked = describeRequest(page.request, reading.mask);
  return readContent({ ...page.answer, body }, { ...reading, asked });
}

/** Stores a page; what comes back is the page that is in the lake, be it ours or another attempt's. */
async function store(
  walk: Walk,
  state: WalkState,
  page: Answered,
  ours: Content,
): Promise<{ readonly raw: RawObject; readonly content: Content }> {
  const { context, folder } = walk;
  const [extension = 'bin'] = Object.keys(context.spec.format);
  let content = ours;
  const raw = await putRaw(context.lake, folder, state.pages, extension, page.answer.body, (body) => {
    if (body !== page.answer.body) content = contentOf(walk, page, body);
    return factsOf(walk, state, page, content);
  });
  return { raw, content };
}

function factsOf({ rules, reading }: Walk, state: WalkState, page: Answered, content: Content): RawFacts {
  const { answer, request, fetchedAt } = page;
  const { records, total } = content;
  const counted = total === undefined ? { records } : { records, total };
  if (reading.total && (total ?? state.tally.total) === undefined && !isEmpty(page)) {
    const { path, header } = reading.total;
    throw new TerminalError(
      'TotalMissing',
      `${describeRequest(request, reading.mask)} answered without a number at rest.paging.total (${path ?? `header ${header}`})`,
    );
  }
  const follows = whatFollows(rules, state, content);
  refuseSecret(reading.mask, follows.next);
  const [contentType, etag] = ['content-type', 'etag'].map((name) => masked(reading.mask, answer.header(name)));
  return {
    uri: reading.mask(request.url.href),
    status: answer.status,
    fetchedAt,
    ...counted,
    ...follows,
    ...(contentType === undefined ? {} : { contentType }),
    ...(etag === undefined ? {} : { etag }),
  };
}

/** A source may say in a header what it was sent. */
const masked = (mask: Mask, text: string | undefined): string | undefined =>
  text === undefined ? undefined : mask(text);

/** Cursors are kept as they are, to go on from: one that a secret went into cannot be kept. */
function refuseSecret(mask: Mask, next = ''): void {
  if (mask(next) === next) return;
  throw new TerminalError(
    'NextInvalid',
    `the source repeats a secret of the request in what leads to its next page (${mask(next).slice(0, 200)}), which must not be stored; send the secret in another way`,
  );
}

/** A source that ignores the page it is asked for gives the same one for ever. The page before may be of another query. */
function refuseRepeat(rules: WalkRules, state: WalkState, previous: Content, content: Content): void {
  if (state.tally.ofQuery === 0 || !sameRecords(previous, content)) return;
  const page = rules.part * rules.pagesPerPart + state.pages + 1;
  throw new TerminalError(
    'PagesRepeat',
    `page ${page} holds the same ${content.records} records as the page before: the source does not heed the page it is asked for; check rest.paging`,
  );
}

const recordsMissing = ({ reading }: Walk, { request }: Answered): Notice => ({
  reason: 'RecordsMissing',
  message: `${describeRequest(request, reading.mask)} answered without anything at format.json.records (${reading.format.json?.records}); taken as no records`,
});

function result(
  rules: WalkRules,
  raws: readonly RawObject[],
  state: WalkState,
  notices: readonly Notice[],
  requests: number,
): StepResult {
  const { next, fetched, tally } = state;
  const total = totalOf(tally);
  const capped = isCapped(rules, state);
  const ended: Notice[] = [];
  if (capped) ended.push({ reason: 'ResultCapped', message: capMessage(rules, state) });
  else if (next === undefined && total !== undefined && tally.seen < total) {
    ended.push({
      reason: 'TotalNotReached',
      message: `the source says it holds ${total} records and gave ${tally.seen}`,
    });
  }
  const followed = rules.paging.jump === undefined || tally.whole !== undefined;
  const source = {
    ...(total === undefined ? {} : { total }),
    ...(next === undefined ? {} : { next }),
    ...(next !== undefined && followed ? { tally } : {}),
    ...(capped ? { capped } : {}),
  };
  return extractResult({ raws, fetched, gone: 0, source, notices: [...notices, ...ended], requests });
}
