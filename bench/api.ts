import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bareLoop, ours, pageSize, pages, postings, type Reader, readerWith, type Taken } from './apiReaders.ts';
import { control, idsAtSource, type Ledger, type Source, startSource } from './apiSource.ts';
import { type Comparison, median } from './compare.ts';
import { findDlt, howToGetDlt } from './peers/dlt.ts';

const rounds = Number(process.env.BENCH_API_ROUNDS ?? 3);

interface Situation {
  readonly latency: number;
  readonly faulty: boolean;
}
const calm: Situation = { latency: 0, faulty: false };
const situations: readonly Situation[] = [
  calm,
  { latency: 0, faulty: true },
  { latency: 20, faulty: true },
  { latency: 100, faulty: true },
];

interface Round extends Taken {
  readonly requests: number;
  /** Requests sent before the source wanted any. */
  readonly impolite: number;
  readonly duplicates: number;
  readonly lost: number;
}

/** A search whose 20 pages are read by our extract stage, a bare loop and dlt. */
export async function api(): Promise<Comparison[]> {
  const readers = new Map<string, Reader>([
    ['ours', ours],
    ['a bare loop', bareLoop],
  ]);
  const dlt = await findDlt();
  if (dlt) readers.set(`dlt ${dlt.version}`, readerWith(dlt));
  else console.log(`dlt is left out, no Python has it: ${howToGetDlt}`);
  const source = await startSource(postings);
  try {
    const wanted = await idsAtSource(source);
    // The first round warms up.
    for (const read of readers.values()) await oneRound(source, read, wanted, calm);
    const results: Comparison[] = [];
    for (const situation of situations) {
      const { ours: own = [], ...peers } = await allRounds(source, readers, wanted, situation);
      const faults = situation.faulty ? ', one 503 and two 429 of a second' : '';
      const what = `${pages} pages of ${pageSize} postings, ${situation.latency} ms each${faults}`;
      for (const [peer, theirs] of Object.entries(peers)) results.push(compared(what, peer, own, theirs));
    }
    return results;
  } finally {
    source.child.kill();
  }
}

/** Readers take turns, so that noise of the machine meets all. */
async function allRounds(
  source: Source,
  readers: ReadonlyMap<string, Reader>,
  wanted: readonly string[],
  situation: Situation,
): Promise<Record<string, Round[]>> {
  const found: Record<string, Round[]> = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, read] of readers) {
      found[name] = [...(found[name] ?? []), await oneRound(source, read, wanted, situation)];
    }
  }
  return found;
}

function compared(what: string, peer: string, ours: readonly Round[], theirs: readonly Round[]): Comparison {
  const name = `${what}, against ${peer}\n  ours: ${told(ours)}; theirs: ${told(theirs)}`;
  const aim = peer === 'a bare loop' ? 'seconds ≤ 1.2 of theirs' : 'seconds < theirs';
  const [a, b] = [secondsOf(ours), secondsOf(theirs)];
  return { name, aim, ours: a, theirs: b, ratio: median(a) / median(b) };
}

function told(rounds: readonly Round[]): string {
  const sum = (of: keyof Round) => rounds.reduce((total, round) => total + round[of], 0);
  const requests = rounds.map((round) => round.requests).join(', ');
  const busy = median(rounds.map((round) => round.busy)).toFixed(2);
  return `${busy} processor seconds; ${requests} requests, ${sum('duplicates')} rows twice, ${sum('lost')} lost, ${sum('impolite')} requests too early`;
}

/** Of the rounds that read everything: others did less work. */
const secondsOf = (rounds: readonly Round[]) => rounds.filter(({ lost }) => lost === 0).map(({ seconds }) => seconds);

async function oneRound(
  source: Source,
  read: Reader,
  wanted: readonly string[],
  { latency, faulty }: Situation,
): Promise<Round> {
  await control(source, 'POST', 'reset', {});
  await control(source, 'POST', 'behave', { latencyMs: latency });
  if (faulty) {
    await control(source, 'POST', 'fail', { requests: 1, fault: { kind: 'Status', status: 503 }, page: 5 });
    const throttled = { kind: 'Status', status: 429, retryAfter: '1' };
    await control(source, 'POST', 'fail', { requests: 2, fault: throttled, page: 10 });
  }
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-bench-'));
  try {
    const { ids, ...taken } = await read(source, folder);
    const distinct = new Set(ids);
    const lost = wanted.filter((id) => !distinct.has(id)).length;
    if (distinct.size !== wanted.length - lost) throw new Error('something was read that is not there');
    const { requests } = (await control(source, 'GET', 'ledger')) as Ledger;
    const duplicates = ids.length - distinct.size;
    return { ...taken, lost, requests: requests.length, duplicates, impolite: tooEarly(requests, latency) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Requests that came within the second for which the source had asked for patience; clocks tick in milliseconds. */
function tooEarly(requests: Ledger['requests'], latency: number): number {
  const times = requests.map(({ at, status }) => ({ at: Date.parse(at), status }));
  const refused = times.filter(({ status }) => status === 429).map(({ at }) => at + latency);
  return times.filter(({ at }) => refused.some((since) => since < at && at < since + 990)).length;
}
