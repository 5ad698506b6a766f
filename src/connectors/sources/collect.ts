import type { RestExtract } from '../../api/index.ts';
import { getSpec } from '../../lake/lake.ts';
import { layout } from '../../lake/layout.ts';
import { listRaw, putRaw, type RawFacts, type RawObject } from '../../lake/raw.ts';
import { TerminalError } from '../../run/errors.ts';
import type { Chunk, Item } from '../../run/items.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import type { StepResult } from '../../run/types.ts';
import type { StageContext } from '../../workers/stage.ts';
import { BudgetSpent } from '../http/client.ts';
import { describeRequest } from '../http/verdict.ts';
import { type Answered, askWhole, isEmpty } from './answer.ts';
import { type Asking, openAsking } from './asking.ts';
import { noContent, readContent } from './content.ts';
import { defer, deferredFrom } from './deferral.ts';
import { type Purse, purseOf } from './purse.ts';
import { filesOf } from './result.ts';

/** What one step needs to ask for its items. */
interface Round {
  readonly context: StageContext<ExtractSpec>;
  readonly source: RestExtract;
  readonly asking: Asking;
  readonly purse: Purse;
  readonly folder: string;
  readonly chunk: Chunk;
  /** Answers in the lake, one for each item from the first on. */
  readonly raws: RawObject[];
}

/**
 * One request for each item of a step, in their order, each answer stored before the next is asked for. An attempt goes
 * on where the one before stopped: nothing is paid for twice but what was under way when that one died.
 */
export async function collect(context: StageContext<ExtractSpec>, source: RestExtract): Promise<StepResult> {
  const { step, lake } = context;
  const chunk = await chunkOf(context);
  const folder = layout.rawFolder(step.dataset, step.slice, step.key);
  const raws = (await listRaw(lake, folder)).filter((raw, at) => raw.index === at);
  const adopted = raws.length;
  const purse = await purseOf(context, source, [...raws], () => chunk.items.length - raws.length);
  const asking = openAsking(context, source, purse);
  const round: Round = { context, source, asking, purse, folder, chunk, raws };
  try {
    const until = (await deferredFrom(lake, folder)) ?? chunk.items.length;
    const asked = await askForAll(round, until);
    return resultOf(round, asked, adopted + asking.client.sent);
  } catch (error) {
    await purse.end().catch(() => undefined); // then it counts as one that died
    throw error;
  } finally {
    await asking.close();
  }
}

async function chunkOf({ step, lake }: StageContext<ExtractSpec>): Promise<Chunk> {
  if (step.items !== undefined) return (await getSpec(lake, step.items)) as Chunk;
  throw new TerminalError('InputMissing', `${step.dataset}: the step names no items; start another run`);
}

/** How many items of a step have their answers. */
interface Asked {
  readonly done: number;
  /** Why the source can be paid no more, in its own words. */
  readonly refusal?: string;
}

/** Asks until all items before `until` have their answers, or nothing more can be paid. */
async function askForAll(round: Round, until: number): Promise<Asked> {
  const { context, chunk, raws, folder, purse } = round;
  for (const item of chunk.items.slice(raws.length, until)) {
    try {
      if (isUsedUp(raws.at(-1)))
        throw new AccountEmpty('the source said with its last answer that no credits are left');
      raws.push(await askFor(round, item));
    } catch (error) {
      const spent = asSpent(error, context.spec);
      if (!spent) throw error;
      if (!(spent instanceof AccountEmpty)) return { done: await defer(context.lake, folder, raws.length) };
      await purse.empty();
      return { done: await defer(context.lake, folder, raws.length), refusal: spent.message };
    }
    context.crashPoint('after-raw-put');
    context.progress(`${raws.length} of ${chunk.items.length} items`);
  }
  return { done: until };
}

/** The source can be paid no more, whatever the budget still has. */
class AccountEmpty extends BudgetSpent {}

/** Where requests are paid for, a refusal for lack of money is no failure: what is left waits for the next run. */
function asSpent(error: unknown, { extract }: ExtractSpec): BudgetSpent | undefined {
  if (error instanceof BudgetSpent) return error;
  const isRefusal = error instanceof TerminalError && error.reason === 'PaymentRequired';
  return isRefusal && extract.credits ? new AccountEmpty(error.message) : undefined;
}

/** The source said with its last answer that nothing more can be paid. */
const isUsedUp = (last: RawObject | undefined): boolean => (last?.meta.remaining ?? 1) <= 0;

async function askFor({ context, asking, purse, folder, raws }: Round, item: Item): Promise<RawObject> {
  const { spec, lake } = context;
  const { client, mask, signal } = asking;
  const answered = await askWhole(client, asking.request(item), spec.format, signal);
  const read = (body: Buffer): RawFacts => {
    const asked = describeRequest(answered.request, mask);
    const content = isEmpty(answered)
      ? noContent
      : readContent({ ...answered.answer, body }, { format: spec.format, mask, asked });
    return { ...factsOf(context, answered, asking), records: content.records };
  };
  read(answered.answer.body); // what cannot be read is not stored
  const [extension = 'bin'] = Object.keys(spec.format);
  const raw = await putRaw(lake, folder, raws.length, extension, answered.answer.body, read);
  purse.stored(raw);
  return raw;
}

function factsOf({ spec }: StageContext<ExtractSpec>, { request, answer, fetchedAt }: Answered, { mask }: Asking) {
  const [contentType, etag] = ['content-type', 'etag'].map((name) => answer.header(name));
  const remaining = answer.header(spec.extract.credits?.remaining?.header ?? '');
  return {
    ...{ uri: mask(request.url.href), status: answer.status, fetchedAt },
    ...(contentType === undefined ? {} : { contentType: mask(contentType) }),
    ...(etag === undefined ? {} : { etag: mask(etag) }),
    ...(remaining !== undefined && /^\d+$/.test(remaining) ? { remaining: Number(remaining) } : {}),
  };
}

/** A function of the answers in the lake and of where the rest was deferred. */
function resultOf(
  { context, chunk, purse, raws, source }: Round,
  { done, refusal }: Asked,
  requests: number,
): StepResult {
  const answers = raws.slice(0, done);
  const skipped = new Set(source.responses.flatMap(({ status, action }) => (action === 'Skip' ? [status] : [])));
  const gone = answers.filter(({ meta }) => skipped.has(meta.status)).length;
  const deferred = chunk.items.length - done + chunk.left;
  const { skippedKnown } = chunk;
  const fetched = done - gone;
  const remaining = answers.findLast(({ meta }) => meta.remaining !== undefined)?.meta.remaining;
  return {
    ledger: { listed: fetched + gone + skippedKnown + deferred, fetched, skippedKnown, gone, failed: 0, deferred },
    partitions: [filesOf(answers)],
    source: {
      ...(context.step.items === undefined ? {} : { items: context.step.items }),
      ...(remaining === undefined ? {} : { creditsRemaining: remaining }),
    },
    complete: deferred === 0,
    cost: { requests, bytes: answers.reduce((sum, { meta }) => sum + meta.bytes, 0), credits: purse.spent() },
    ...(refusal === undefined ? {} : { notices: [{ reason: 'PaymentRequired', message: refusal }] }),
  };
}
