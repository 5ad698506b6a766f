import type { RestExtract } from '../../api/index.ts';
import { parseDuration } from '../../api/parseUnits.ts';
import { manifestPath } from '../../lake/lake.ts';
import { type Account, type Claim, openAccount, periodStart, type Reservation } from '../../lake/limits.ts';
import type { RawObject } from '../../lake/raw.ts';
import type { ExtractSpec } from '../../run/specs.ts';
import type { StageContext } from '../../workers/stage.ts';
import { BudgetSpent, type Toll } from '../http/client.ts';
import { hostOf } from './asking.ts';

/** The credits that an attempt at a step may spend. */
export interface Purse extends Toll {
  /** An answer that was paid for is in the lake. */
  stored(raw: RawObject): void;
  /** What the step has paid, or may have paid: answers in the lake, and requests of which nobody knows. */
  spent(): number;
  /** The source says that nothing more can be paid. */
  empty(): Promise<void>;
  /** The attempt is over without a manifest. */
  end(): Promise<void>;
}

interface PurseOptions {
  readonly account: Account;
  readonly claim: Claim;
  readonly perRequest: number;
  readonly periodMs: number;
  /** Answers of earlier attempts at the step. */
  readonly raws: readonly RawObject[];
  /** How many requests the step has still to make. */
  readonly open: () => number;
}

/** An answer is paid for, unless it is a refusal. */
const isPaid = ({ meta }: RawObject): boolean => meta.status < 400;

/**
 * A purse that is filled before the first request, with all that the step still needs or with what the budget has, and
 * again when another period begins. An attempt that died may have paid for an answer that nobody kept.
 */
async function openPurse({ account, claim, perRequest, periodMs, raws, open }: PurseOptions): Promise<Purse> {
  const openedAt = Date.now();
  const before = await account.ofStep(claim.step, openedAt);
  /** What attempts before this one may have paid for nothing. */
  const lost = before.reduce((sum, each) => sum + (each.lost ?? perRequest), 0);
  const answers = raws.filter(isPaid);
  const own: Reservation[] = [];
  let allowed = 0;
  /** Requests of this attempt that are not known to be free, and not in the lake. */
  let unknown = 0;

  const endOf = (at: number): number => periodStart(at, periodMs) + periodMs;
  /** What attempts before this one reserved in this period and have not spent. */
  const leftBehind = (): number => {
    const start = periodStart(openedAt, periodMs);
    const paid = answers.filter(({ meta }) => Date.parse(meta.fetchedAt) >= start).length * perRequest;
    return Math.max(0, before.reduce((sum, { credits }) => sum + credits, 0) - lost - paid);
  };
  const fill = async (now: number): Promise<void> => {
    const last = own.at(-1);
    if (now >= endOf(last?.at ?? openedAt)) allowed = 0;
    else if (!last) allowed = leftBehind();
    const reservation = await account.reserve(claim, Math.max(0, open() * perRequest - allowed), now);
    own.push(reservation);
    allowed += reservation.credits;
  };
  return {
    async pay() {
      const now = Date.now();
      // Asking again for one item needs more than was thought, and another period begins with nothing.
      if (allowed < perRequest || now >= endOf(own.at(-1)?.at ?? 0)) await fill(now);
      if (allowed < perRequest) throw new BudgetSpent('the credits of the period are spent');
      allowed -= perRequest;
      unknown += perRequest;
    },
    giveBack() {
      allowed += perRequest;
      unknown -= perRequest;
    },
    stored(raw) {
      if (!isPaid(raw)) return;
      answers.push(raw);
      unknown -= perRequest;
    },
    spent: () => answers.length * perRequest + unknown + lost,
    empty: () => account.empty(claim, Date.now()),
    end: async () => {
      const [last, ...others] = own.toReversed();
      if (last) await account.end(last, unknown);
      for (const each of others) await account.end(each, 0);
    },
  };
}

/** Nothing has to be paid. */
const freePurse: Purse = {
  pay: async () => undefined,
  giveBack: () => undefined,
  stored: () => undefined,
  spent: () => 0,
  empty: async () => undefined,
  end: async () => undefined,
};

/** The purse of a step by what its manifest says of credits. `open`: how many requests it has still to make. */
export async function purseOf(
  { spec, step, run, lake, shared }: StageContext<ExtractSpec>,
  source: RestExtract,
  raws: readonly RawObject[],
  open: () => number,
): Promise<Purse> {
  const { credits, limits } = spec.extract;
  if (!credits) return freePurse;
  const { perRequest, budget, period } = credits;
  const periodMs = parseDuration(period);
  const account = openAccount(shared, { key: limits?.key ?? hostOf(source), budget, periodMs });
  const [, pipeline = ''] = lake.pipeline.split('/');
  const claim = { step: step.key, manifest: `${pipeline}/${manifestPath(step)}`, run: `${pipeline}/${run.name}` };
  return openPurse({ account, claim, perRequest, periodMs, raws, open });
}
