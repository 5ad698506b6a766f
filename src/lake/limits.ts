import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../connectors/stores/store.ts';
import { TransientError } from '../run/errors.ts';
import type { Manifest } from '../run/types.ts';
import { mapBounded } from './lake.ts';
import { accounts } from './layout.ts';

/**
 * The account of a source that is paid by the request: `<namespace>/_limits/<key>/<number>.json`, one object for each
 * reservation. Numbers are taken create-only and in a row, so whoever gets one has seen all before it, and what is
 * reserved never exceeds the budget, however many reserve at once.
 */
export interface Budget {
  /** The limit key: pipelines that use the same share the account. */
  readonly key: string;
  /** Credits in a period, … */
  readonly budget: number;
  /** … which begins at a multiple of its length since 1970. */
  readonly periodMs: number;
}

/** Who reserves. */
export interface Claim {
  /** Key of the step. */
  readonly step: string;
  /** Where its manifest will be, below the namespace: once it is there, it says what was spent. */
  readonly manifest: string;
  /** Namespace-wide name of the run that the attempt is for. */
  readonly run: string;
}

/** A reservation, as it is stored. */
export interface Reservation extends Claim, Omit<Budget, 'key'> {
  readonly v: 1;
  readonly number: number;
  /** Milliseconds since 1970; never before that of the reservation before it. */
  readonly at: number;
  readonly credits: number;
  /** It reserves nothing, and says that the source has told the run that nothing more can be paid. */
  readonly empty?: true;
}

/** What became of a reservation whose attempt ended without a manifest: credits that it may have paid for nothing. */
interface Ending {
  readonly lost: number;
}

export interface Account {
  /** Reservations of a step in the period that `now` is in, and what its ended attempts may have paid for nothing. */
  ofStep(step: string, now: number): Promise<readonly StepReservation[]>;
  /** Reserves what the budget still has, at most `wanted`: perhaps nothing, as once the source was empty for the run. */
  reserve(claim: Claim, wanted: number, now: number): Promise<Reservation>;
  /** Says that the source has nothing left, so that the other steps of the run need not ask. */
  empty(claim: Claim, now: number): Promise<void>;
  /** Says what an attempt may have paid for nothing, once it is over. */
  end(reservation: Reservation, lost: number): Promise<void>;
}

export type StepReservation = Reservation & {
  /** Undefined: it died, or is still at it. */
  readonly lost: number | undefined;
};

const mostTries = 1000;
/** Reservations are kept this long after their period: clocks differ. */
const keptMs = 3_600_000;

/** Begin of the period that a moment is in. */
export const periodStart = (at: number, periodMs: number): number => Math.floor(at / periodMs) * periodMs;

/** `store` is what all pipelines of the namespace have of the lake. */
export function openAccount(store: Store, budget: Budget): Account {
  const cache = new Map<string, Promise<Buffer | undefined>>();
  /** What is written once never changes; what is not there may come. */
  const read = async <Value>(path: string): Promise<Value | undefined> => {
    const known = cache.get(path) ?? store.get(path);
    cache.set(path, known);
    const bytes = await known;
    if (!bytes) cache.delete(path);
    return bytes && (JSON.parse(bytes.toString('utf8')) as Value);
  };
  const all = () => list(store, budget.key, read);
  /** Takes the next number, for as many credits as `judge` says of all reservations before it. */
  const append = async (
    claim: Claim,
    now: number,
    judge: (before: readonly Reservation[], at: number) => Promise<Pick<Reservation, 'credits' | 'empty'>>,
  ): Promise<Reservation> => {
    for (let tried = 0; tried < mostTries; tried += 1) {
      const before = await all();
      const last = before.at(-1);
      const at = Math.max(now, last?.at ?? 0);
      const reservation: Reservation = {
        ...{ v: 1, number: (last?.number ?? 0) + 1, at, ...claim, ...(await judge(before, at)) },
        ...{ budget: budget.budget, periodMs: budget.periodMs },
      };
      const path = accounts.reservation(budget.key, reservation.number);
      if ((await store.putIfAbsent(path, Buffer.from(JSON.stringify(reservation)))) === 'created') {
        await forget(store, budget.key, before, at);
        return reservation;
      }
      await sleep(Math.random() * 20); // somebody else was quicker
    }
    throw new TransientError(`the account of ${budget.key} is so busy that no number could be taken`);
  };
  return {
    async ofStep(step, now) {
      const start = periodStart(now, budget.periodMs);
      const own = (await all()).filter((each) => each.step === step && each.at >= start && !each.empty);
      return mapBounded(own, 16, async (each) => ({
        ...each,
        lost: (await read<Ending>(accounts.ending(budget.key, each.number)))?.lost,
      }));
    },
    reserve: (claim, wanted, now) =>
      append(claim, now, async (before, at) => {
        if (isEmptyFor(claim, before)) return { credits: 0 };
        const free = await freeCredits(before, budget, at, async (path) => (await read<Manifest>(path))?.cost.credits);
        return { credits: Math.max(0, Math.min(wanted, free)) };
      }),
    async empty(claim, now) {
      if (!isEmptyFor(claim, await all())) await append(claim, now, async () => ({ credits: 0, empty: true }));
    },
    async end({ number }, lost) {
      await store.putIfAbsent(accounts.ending(budget.key, number), Buffer.from(JSON.stringify({ v: 1, lost })));
    },
  };
}

const isEmptyFor = ({ run }: Claim, reservations: readonly Reservation[]): boolean =>
  reservations.some((each) => each.empty && each.run === run);

/**
 * What a budget still has: of every declaration in use the least. A step whose manifest is there has spent what it says;
 * any other may yet spend all that it reserved.
 */
export async function freeCredits(
  reservations: readonly Reservation[],
  own: Omit<Budget, 'key'>,
  at: number,
  spentBy: (manifest: string) => Promise<number | undefined>,
): Promise<number> {
  const inPeriod = (each: Omit<Budget, 'key'>) => (other: Reservation) => other.at >= periodStart(at, each.periodMs);
  const declared = [own, ...reservations.filter((each) => inPeriod(each)(each))];
  const distinct = new Map(declared.map((each) => [`${each.budget} ${each.periodMs}`, each]));
  const left = await mapBounded([...distinct.values()], 4, async (each) => {
    const bySteps = [...Map.groupBy(reservations.filter(inPeriod(each)), ({ step }) => step).values()];
    const spent = await mapBounded(bySteps, 16, async (ofStep) => {
      const reserved = ofStep.reduce((sum, { credits }) => sum + credits, 0);
      return Math.min(reserved, (await spentBy(ofStep[0]?.manifest ?? '')) ?? reserved);
    });
    return each.budget - spent.reduce((sum, credits) => sum + credits, 0);
  });
  return Math.min(...left);
}

/** All reservations, by number. */
async function list(
  store: Store,
  key: string,
  read: <Value>(path: string) => Promise<Value | undefined>,
): Promise<readonly Reservation[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(accounts.folder(key))) if (/\/\d+\.json$/.test(path)) paths.push(path);
  const found = await mapBounded(paths.sort(), 16, (path) => read<Reservation>(path));
  return found.filter((each) => each !== undefined);
}

/** Removes reservations whose period is long over, but never the newest: numbers must go on. */
async function forget(store: Store, key: string, before: readonly Reservation[], at: number): Promise<void> {
  const old = before.filter(({ at: then, periodMs }) => then < at - 2 * periodMs - keptMs).slice(0, 100);
  for (const { number } of old) {
    await store.delete(accounts.ending(key, number));
    await store.delete(accounts.reservation(key, number));
  }
}
