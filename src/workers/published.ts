import { type Lake, listManifests } from '../lake/lake.ts';
import { dropIndex, indexOf, listUnsettled, type PlanIndex, readIndex, writeIndex } from '../lake/planIndex.ts';
import { intersect } from '../run/intervals.ts';
import { type PlanInput, plan } from '../run/plan.ts';
import { canSettle, rulesOf, settledOf, sourceOf, timesBefore } from '../run/settled.ts';

/** What is published, as far as planning needs to know it. */
export type Published = Pick<PlanInput, 'manifests' | 'settled'>;
type Wanted = Omit<PlanInput, 'manifests' | 'settled' | 'expired'>;

/** Clocks differ, and a run must see all that it published itself: what is younger than this is never settled. */
const marginMs = 10 * 60_000;
const horizonOf = (startedAt: string): string => new Date(Date.parse(startedAt) - marginMs).toISOString();

/**
 * Reads the manifests that a plan depends on. Periods that an index calls settled are skipped, unless the run does
 * again what is published, or a table must be built anew from all there is.
 */
export async function readPublished(lake: Lake, wanted: Wanted, startedAt: string): Promise<Published> {
  const indexes = wanted.run.refresh ? new Map<string, PlanIndex>() : await usableIndexes(lake, wanted, startedAt);
  if (indexes.size === 0) return { manifests: await listManifests(lake) };
  const settled = new Map([...indexes].map(([name, index]) => [name, index.settled]));
  const some: Published = { manifests: await listUnsettled(lake, indexes), settled };
  return needsAll({ ...wanted, ...some, expired: new Set() }) ? { manifests: await listManifests(lake) } : some;
}

const needsAll = (input: PlanInput): boolean =>
  plan(input).some(({ stage, part }) => stage === 'Load' && part.startsWith('rebuild'));

async function usableIndexes(lake: Lake, wanted: Wanted, startedAt: string): Promise<Map<string, PlanIndex>> {
  const usable = new Map<string, PlanIndex>();
  for (const dataset of wanted.specs.datasets.filter((each) => canSettle(wanted, each))) {
    const index = await readIndex(lake, dataset.name);
    if (index && isUsable(index, rulesOf(wanted, dataset), startedAt)) usable.set(dataset.name, index);
  }
  for (const [name, index] of usable) {
    const dataset = wanted.specs.datasets.find((each) => each.name === name);
    const source = dataset && sourceOf(wanted, dataset);
    if (!source) continue;
    // Two writers: what one dataset does not read must not be asked about by the other.
    const times = timesBefore(usable.get(source.name)?.settled ?? [], source);
    usable.set(name, { ...index, settled: intersect(index.settled, times) });
  }
  return usable;
}

/** Once a day all is read, so that nothing that an index overlooked stays overlooked. */
const isUsable = ({ rules, before }: PlanIndex, wanted: string, startedAt: string): boolean =>
  rules === wanted && before <= horizonOf(startedAt) && before.slice(0, 10) === horizonOf(startedAt).slice(0, 10);

/** A run that does again what is published puts new manifests into settled periods. */
export async function forgetSettled(lake: Lake, { specs }: PlanInput): Promise<void> {
  await Promise.all(specs.datasets.map(({ name }) => dropIndex(lake, name)));
}

/** Writes down what the next plans need not read. */
export async function rememberSettled(lake: Lake, input: PlanInput, startedAt: string): Promise<void> {
  const before = horizonOf(startedAt);
  for (const dataset of input.specs.datasets.filter((each) => canSettle(input, each))) {
    const settled = settledOf(input, dataset, before);
    if (settled.periods.length === 0) await dropIndex(lake, dataset.name);
    else await writeIndex(lake, dataset.name, indexOf(rulesOf(input, dataset), before, settled));
  }
}
