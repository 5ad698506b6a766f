import type { Store } from '../connectors/stores/store.ts';
import type { ItemList } from '../run/items.ts';
import { type Lake, mapBounded } from './lake.ts';
import { layout } from './layout.ts';

/** A list and its place among those of its dataset. */
export type NumberedList = ItemList & { readonly number: number };

/** The lists of items of a dataset that are still there, by number. */
export async function readItemLists({ store }: Lake, dataset: string): Promise<readonly NumberedList[]> {
  const found: { path: string; number: number }[] = [];
  for await (const { path } of store.list(layout.itemLists(dataset))) {
    const number = numberOf(path);
    if (number !== undefined) found.push({ path, number });
  }
  const sorted = found.sort((a, b) => a.number - b.number);
  const lists = await mapBounded(sorted, 16, async ({ path, number }) => ({ number, list: await read(store, path) }));
  return lists.flatMap(({ number, list }) => (list ? [{ ...list, number }] : []));
}

/** The number in `_jobpulse/items/<dataset>/000000017.json`. */
export const numberOf = (path: string): number | undefined => {
  const [, number] = /\/(\d{9})\.json$/.exec(path) ?? [];
  return number === undefined ? undefined : Number(number);
};

/** What is there never changes, so what was read once need not be read again. */
const known = new WeakMap<Store, Map<string, ItemList>>();
const remembered = 200;

async function read(store: Store, path: string): Promise<ItemList | undefined> {
  const lists = known.get(store) ?? new Map<string, ItemList>();
  known.set(store, lists);
  const before = lists.get(path);
  if (before) return before;
  const bytes = await store.get(path);
  if (!bytes) return undefined;
  const list = JSON.parse(bytes.toString('utf8')) as ItemList;
  if (lists.size >= remembered) lists.clear();
  lists.set(path, list);
  return list;
}
