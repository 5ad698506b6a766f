import { parseDuration } from '../api/parseUnits.ts';
import type { StoredObject } from '../connectors/stores/store.ts';
import type { ItemList } from '../run/items.ts';
import type { SweepSpec } from '../run/specs.ts';
import type { SweepLedger } from '../run/types.ts';
import type { Stage } from '../workers/stage.ts';
import { collectable, type Garbage, type SweepInput } from './garbage.ts';
import { type Lake, listManifests, mapBounded } from './lake.ts';
import { layout } from './layout.ts';

/** Where garbage can lie. */
const areas = ['raw', 'clean', 'quarantine', layout.steps(), layout.itemLists()];

/** What a sweep needs to know beside the lake. */
export interface SweepOptions extends Pick<SweepInput, 'unfinishedKeys' | 'now' | 'retention'> {
  readonly signal?: AbortSignal;
  readonly crashPoint?: (name: string) => void;
}

/** Removes garbage. Stopped half-way it leaves nothing broken, and the next sweep does the rest. */
export async function sweep(lake: Lake, options: SweepOptions): Promise<SweepLedger> {
  // Objects before manifests: what is published in between is named by the time we decide.
  const objects = await listAreas(lake);
  const manifests = await listManifests(lake);
  const itemLists = await keysOfItemLists(lake, objects);
  const { garbage, expired } = collectable({ ...options, objects, manifests, itemLists });
  await mapBounded(expired, 16, ({ dataset, key }) => markExpired(lake, dataset, key, options.now));
  // Manifests before files: a manifest that names a missing file would be a broken promise, a file without one is an orphan.
  const isManifest = ({ path }: Garbage) => path.startsWith('_jobpulse/');
  for (const batch of [garbage.filter(isManifest), garbage.filter((object) => !isManifest(object))]) {
    await mapBounded(batch, 16, async ({ path }) => {
      options.signal?.throwIfAborted();
      await lake.store.delete(path);
    });
    options.crashPoint?.('in-sweep');
  }
  return { objects: garbage.length, bytes: garbage.reduce((sum, { bytes }) => sum + bytes, 0) };
}

async function listAreas(lake: Lake): Promise<StoredObject[]> {
  const objects: StoredObject[] = [];
  for (const area of areas) for await (const object of lake.store.list(area)) objects.push(object);
  return objects;
}

/** The keys that each list of items holds; a file of another shape holds none. */
async function keysOfItemLists(
  lake: Lake,
  objects: readonly StoredObject[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const paths = objects.map(({ path }) => path).filter((path) => path.startsWith(`${layout.itemLists()}/`));
  const lists = await mapBounded(paths, 16, async (path) => {
    const { parts = [] } = JSON.parse((await lake.store.get(path))?.toString('utf8') ?? '{}') as Partial<ItemList>;
    return [path, parts.map(({ key }) => key)] as const;
  });
  return new Map(lists);
}

async function markExpired(lake: Lake, dataset: string, key: string, now: Date): Promise<void> {
  const marker = { v: 1, dataset, key, at: now.toISOString() };
  await lake.store.putIfAbsent(layout.expired(dataset, key), Buffer.from(JSON.stringify(marker)));
}

/**
 * The daily sweep as a step. It is planned when its run has nothing else to do, so that no key of that run is
 * unfinished; other runs are protected by the age that garbage must have.
 */
export const sweepStage: Stage<SweepSpec> = async ({ lake, spec, signal, crashPoint }) => {
  const retention = Object.fromEntries(
    Object.entries({ raw: spec.retention.raw, clean: spec.retention.clean, quarantine: spec.retention.quarantine })
      .filter((entry): entry is [string, string] => entry[1] !== undefined)
      .map(([what, duration]) => [what, parseDuration(duration)]),
  );
  return { ledger: await sweep(lake, { unfinishedKeys: new Set(), now: new Date(), retention, signal, crashPoint }) };
};
