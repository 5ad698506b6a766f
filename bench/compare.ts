/** One way of doing the work; returns how many seconds it took. */
export type Contender = () => Promise<number>;

export interface Comparison {
  readonly name: string;
  /** What the ratio means and where it should be. */
  readonly aim: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Ours over theirs, of the medians, in the unit of the aim. */
  readonly ratio: number;
}

/** Takes turns between two contenders, so that noise of the machine meets both; one round warms up. */
export async function compare(
  name: string,
  aim: string,
  rounds: number,
  ours: Contender,
  theirs: Contender,
  ratio: (ours: number, theirs: number) => number,
): Promise<Comparison> {
  const seconds = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round <= rounds; round += 1) {
    const [a, b] = [await ours(), await theirs()];
    if (round === 0) continue;
    seconds.ours.push(a);
    seconds.theirs.push(b);
  }
  return { name, aim, ...seconds, ratio: ratio(median(seconds.ours), median(seconds.theirs)) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Seconds that some work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Seconds of processor time that this process spends on some work. */
export async function processorTime(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
