import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { control, startDouble } from './apiSource.ts';
import { type Figures, figuresOf, type Paid, told } from './collectFigures.ts';
import { bareLoop, type Collector, collectorWith, ours, type PaidSource } from './collectors.ts';
import { type Comparison, timed } from './compare.ts';
import { type Dlt, findDlt, howToGetDlt } from './peers/dlt.ts';
import { killTree, startTree, type Tree } from './tree.ts';

/** Ids that the search finds, and the share of them that is known before it is measured. */
const ids = Number(process.env.BENCH_COLLECT_IDS ?? 20_000);
const knownShare = 0.3;
/** Where the source bears so many requests in a second, only so many ids are not known: 14,000 would take 47 minutes. */
const perSecond = 5;
const sample = Number(process.env.BENCH_COLLECT_SAMPLE ?? 300);
/** Longest time that one run may take. */
const patienceMs = 3_600_000;

interface Situation {
  readonly known: number;
  /** Ids that are to be collected. */
  readonly open: number;
  readonly perSecond?: number;
  /** A run of dlt that is killed has collected nothing: whoever pays for it takes so many ids at a time. */
  readonly perRun: number;
}
const known = Math.round(ids * knownShare);
const unlimited: Situation = { known, open: ids - known, perRun: runsOf(ids - known) };
const limited: Situation = {
  known: Math.round((sample * knownShare) / (1 - knownShare)),
  ...{ open: sample, perSecond, perRun: runsOf(sample) },
};

/** 1,000 of 14,000, 22 of 300. */
function runsOf(open: number): number {
  return Math.ceil(open / 14);
}

interface Round extends Figures {
  readonly seconds: number;
}

/** A free search whose finds are paid for one by one, killed half-way and started again: our example, a bare client and dlt. */
export async function* collect(): AsyncGenerator<Comparison> {
  const dlt = await findDlt();
  if (!dlt) console.log(`dlt is left out, no Python has it: ${howToGetDlt}`);
  for (const situation of [unlimited, limited]) {
    const own = await oneRound(ours, situation);
    if (situation.perSecond !== undefined) yield againstRate(situation, situation.perSecond, own);
    for (const [name, peer] of peersFor(situation, dlt)) {
      yield compared(situation, name, own, await oneRound(peer, situation));
    }
  }
}

const bare = 'a bare client';
const peersFor = ({ perRun }: Situation, dlt: Dlt | undefined): readonly (readonly [string, Collector])[] => [
  [bare, bareLoop],
  ...(dlt
    ? ([
        [`dlt ${dlt.version}`, collectorWith(dlt)],
        [`dlt ${dlt.version} in runs of ${perRun}`, collectorWith(dlt, perRun)],
      ] as const)
    : []),
];

function compared(situation: Situation, peer: string, own: Round, theirs: Round): Comparison {
  return {
    name: [
      `${describe(situation)}, against ${peer}`,
      `  ours: ${told(own, situation.perSecond)}`,
      `  theirs: ${told(theirs, situation.perSecond)}`,
    ].join('\n'),
    aim: peer === bare ? bareAim(situation) : 'seconds ≤ theirs',
    ...inSeconds(secondsOf(own), secondsOf(theirs)),
  };
}

/** It makes no table: what that takes is seen where nothing is waited for. */
const bareAim = ({ perSecond }: Situation): string => (perSecond === undefined ? 'none' : 'seconds ≤ 1.2 of theirs');

/** What no client can undercut. */
const againstRate = (situation: Situation, rate: number, own: Round): Comparison => ({
  name: `${describe(situation)}, against what the rate allows\n  ours: ${told(own, rate)}`,
  aim: 'seconds ≤ 1.2 of theirs',
  ...inSeconds(secondsOf(own), [situation.open / rate]),
});

const inSeconds = (ours: readonly number[], theirs: readonly number[]) => ({
  ...{ ours, theirs },
  ratio: (ours[0] ?? Number.NaN) / (theirs[0] ?? Number.NaN),
});

/** Whoever lost ids did less work. */
const secondsOf = ({ lost, seconds }: Round): readonly number[] => (lost === 0 ? [seconds] : []);

const describe = ({ known, open, perSecond }: Situation): string =>
  `${open} of ${known + open} ids, ${perSecond === undefined ? 'as fast as they come' : `${perSecond} in a second`}`;

/** At a source of its own: ids that are known, those that came since, a kill when half of them are paid for, and a little more. */
async function oneRound(collector: Collector, { known, open, perSecond, perRun }: Situation): Promise<Round> {
  const options = { postings: known, credits: 4 * (known + open), 'every-minutes': 1, spotless: true } as const;
  const source = await startDouble<PaidSource>('coresignal', options);
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-bench-'));
  try {
    await toTheEnd(startTree(collector.command(source, folder)));
    const old = await idsAt(source);
    await control(source, 'POST', 'add', { count: open, at: new Date().toISOString() });
    await control(source, 'POST', 'reset', {});
    if (perSecond !== undefined) await control(source, 'POST', 'behave', { perSecond });
    const command = collector.command(source, folder, perSecond);
    const seconds = await timed(async () => {
      // In the middle of a run of dlt too: what it loses at its end is twice as much, at its beginning nothing.
      await killedOnce(startTree(command), source, (open + perRun) / 2);
      await toTheEnd(startTree(command));
    });
    const paid = (await control(source, 'GET', 'ledger')) as Paid;
    const wanted = await idsAt(source);
    return { seconds, ...figuresOf(paid, { known: old, wanted, found: await collector.ids(folder) }) };
  } finally {
    source.child.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

const idsAt = async (source: PaidSource): Promise<readonly number[]> =>
  ((await control(source, 'POST', 'found', {})) as { readonly ids: readonly number[] }).ids;

async function toTheEnd(tree: Tree): Promise<void> {
  try {
    await tree.ended(patienceMs);
  } finally {
    await killTree(tree);
  }
}

/** Kills all processes of a command once so many credits are spent; one that ends before has not done as it was told. */
async function killedOnce(tree: Tree, source: PaidSource, credits: number): Promise<void> {
  try {
    await tree.until(async () => ((await control(source, 'GET', 'credits')) as Paid['credits']).spent >= credits, {
      everyMs: 100,
      patienceMs,
    });
  } finally {
    await killTree(tree);
  }
}
