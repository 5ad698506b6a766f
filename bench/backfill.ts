import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random } from '../test/servers/usajobs/random.ts';
import { type Backfiller, dltBackfiller, type Kind, ours } from './backfillers.ts';
import { days, requestsAt, type Source, saveDays, startSource } from './backfillSource.ts';
import { judge, mergeInOneStatement, type Table, type Verdict } from './backfillTable.ts';
import { canWatch, watchBusy } from './busy.ts';
import { type Comparison, median } from './compare.ts';
import type { Idle } from './idle.ts';
import { findDlt, howToGetDlt } from './peers/dlt.ts';
import { type Command, killTree, startTree } from './tree.ts';

const rounds = Number(process.env.BENCH_BACKFILL_ROUNDS ?? 1);
const kills = Number(process.env.BENCH_BACKFILL_KILLS ?? 5);
const seed = Number(process.env.BENCH_BACKFILL_SEED ?? 1);
/** A command that takes longer hangs. */
const boundMs = 60 * 60_000;

/** What a backfill took, and what came of it. */
interface Round extends Verdict {
  readonly seconds: number;
  /** Of a processor, of all processes. */
  readonly busy: number;
  readonly requests: number;
  readonly killed: number;
  readonly idle?: Idle;
}

/** The same days into a table by us, by dlt, and by one statement over the bytes of all days; then again, and with kills. */
export async function* backfill(): AsyncGenerator<Comparison> {
  if (!canWatch()) {
    console.log('backfill: skipped, it asks /proc what processes cost, which this machine does not have');
    return;
  }
  const peers = new Map<string, Backfiller>();
  const dlt = await findDlt();
  if (dlt) {
    peers.set(`dlt ${dlt.version}, a run for each day`, dltBackfiller(dlt, 1));
    peers.set(`dlt ${dlt.version}, one run for all days`, dltBackfiller(dlt, days));
  } else console.log(`dlt is left out, no Python has it: ${howToGetDlt}`);
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-bench-'));
  const source = await startSource();
  try {
    await saveDays(source, join(folder, 'days'));
    const limit = await limitOf(folder);
    const judgedBy = { source, right: limit.table, folder };
    const own = await allRounds(ours, { ...judgedBy, name: 'ours' });
    yield* againstLimit(own, limit);
    for (const [name, peer] of peers) yield* againstPeer(name, own, await allRounds(peer, { ...judgedBy, name }));
  } finally {
    source.child.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** One statement over the saved days, into an empty table and into the full one. */
interface Limit {
  readonly table: Table;
  readonly first: readonly number[];
  readonly again: readonly number[];
}

async function limitOf(folder: string): Promise<Limit> {
  const [first, again]: [number[], number[]] = [[], []];
  const tableOf = (round: number): Table => ({ file: join(folder, `limit${round}.duckdb`), name: 'events' });
  for (let round = 0; round <= Math.max(3, rounds); round += 1) {
    const seconds = [0, 0];
    for (const at of seconds.keys()) seconds[at] = await mergeInOneStatement(join(folder, 'days'), tableOf(round));
    if (round === 0) continue; // warms up
    first.push(seconds[0] ?? Number.NaN);
    again.push(seconds[1] ?? Number.NaN);
  }
  return { table: tableOf(0), first, again };
}

interface Judged {
  readonly name: string;
  readonly source: Source;
  /** What the table must be like. */
  readonly right: Table;
  readonly folder: string;
}

type Rounds = Readonly<Record<Kind | 'killed', readonly Round[]>>;

async function allRounds(who: Backfiller, judged: Judged): Promise<Rounds> {
  const found = { first: [] as Round[], again: [] as Round[], refresh: [] as Round[], killed: [] as Round[] };
  for (let round = 0; round < rounds; round += 1) {
    const calm = join(judged.folder, `${judged.name} ${round}`);
    await who.prepare(judged.source, calm);
    for (const kind of who.kinds) found[kind].push(await oneRound(who, kind, calm, judged, []));
    const disturbed = join(judged.folder, `${judged.name} ${round}, killed`);
    await who.prepare(judged.source, disturbed);
    const chance = random(seed + round, 'kills');
    const delays = Array.from({ length: kills }, () => chance.integer(3_000, 12_000));
    found.killed.push(await oneRound(who, 'first', disturbed, judged, delays));
    for (const each of [calm, disturbed]) rmSync(each, { recursive: true, force: true, maxRetries: 5 });
  }
  return found;
}

/** A command, given again after each kill until it ends well, and what its table is like then. */
async function oneRound(
  who: Backfiller,
  kind: Kind,
  folder: string,
  { source, right }: Judged,
  delays: readonly number[],
) {
  const before = await requestsAt(source);
  const start = Date.now();
  const taken = await finish(who.command(kind, source, folder), delays);
  const end = Date.now();
  const requests = (await requestsAt(source)) - before;
  const verdict = await judge(who.table(folder), right);
  const idle = await who.idle?.(kind, folder, { start, end });
  const round: Round = { ...verdict, ...taken, requests, seconds: (end - start) / 1000, ...(idle && { idle }) };
  return round;
}

async function finish(command: Command, delays: readonly number[]): Promise<Pick<Round, 'busy' | 'killed'>> {
  let busy = 0;
  for (const [killed, delay] of [...delays, boundMs].entries()) {
    const tree = startTree(command);
    const watched = watchBusy(tree.pid);
    try {
      const isDone = await tree.endedWithin(delay);
      busy += watched.seconds();
      if (isDone) return { busy, killed };
    } finally {
      watched.stop();
      await killTree(tree);
    }
  }
  throw new Error(`not done after ${boundMs / 60_000} minutes`);
}

const isRight = ({ duplicates, lost, foreign }: Round): boolean => duplicates + lost + foreign === 0;
/** Of the rounds that ended with the right table. */
const secondsOf = (rounds: readonly Round[]): number[] => rounds.filter(isRight).map(({ seconds }) => seconds);

function againstLimit(own: Rounds, { first, again }: Limit): Comparison[] {
  const limit = 'one statement of DuckDB over the saved bytes of all days';
  const compared = (what: string, kind: Kind, theirs: readonly number[]): Comparison => ({
    name: `${days} days ${what}, against ${limit}\n  ours: ${told(own[kind])}`,
    aim: 'none: how far the limit is',
    ...{ ours: secondsOf(own[kind]), theirs, ratio: median(secondsOf(own[kind])) / median(theirs) },
  });
  return [compared('for the first time', 'first', first), compared('once more, anew', 'refresh', again)];
}

function againstPeer(peer: string, own: Rounds, theirs: Rounds): Comparison[] {
  const compared = (what: string, kind: keyof Rounds, theirKind = kind): Comparison => {
    const [a, b] = [own[kind], theirs[theirKind]];
    return {
      name: `${days} days ${what}, against ${peer}\n  ours: ${told(a)}\n  theirs: ${told(b)}`,
      aim: 'seconds < theirs',
      ...{ ours: secondsOf(a), theirs: secondsOf(b), ratio: median(secondsOf(a)) / median(secondsOf(b)) },
    };
  };
  return [
    compared('for the first time', 'first'),
    compared('asked for again', 'again'),
    compared('once more, anew', 'refresh', 'again'),
    compared('with kill -9 of all processes', 'killed'),
  ];
}

function told(rounds: readonly Round[]): string {
  const each = (of: (round: Round) => number | string) => rounds.map(of).join(', ');
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const idle = ({ idle, seconds }: Round) => {
    if (!idle) return '';
    const between = `${(idle.between / 1000).toFixed(1)} s (${Math.round(idle.between / seconds / 10)} %)`;
    return `; no step under way: ${between} between steps, ${(idle.before / 1000).toFixed(1)} s before, ${(idle.after / 1000).toFixed(1)} s after`;
  };
  return [
    `${each(({ busy }) => busy.toFixed(1))} processor seconds, ${each(({ requests }) => requests)} requests`,
    `${sum(({ killed }) => killed)} kills; ${sum(({ duplicates }) => duplicates)} rows twice, ${sum(({ lost }) => lost)} lost, ${sum(({ foreign }) => foreign)} that should not be there${rounds.map(idle).join('')}`,
  ].join(', ');
}
