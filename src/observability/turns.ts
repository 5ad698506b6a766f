import { setImmediate } from 'node:timers/promises';

/** After so long others get their turn: far less than anybody who waits would notice. */
const turnMs = 10;

/** Works through many without letting everything else in the process wait for all of them. */
export async function inTurns<Item>(items: Iterable<Item>, work: (item: Item) => void): Promise<void> {
  let since = performance.now();
  for (const item of items) {
    work(item);
    if (performance.now() - since < turnMs) continue;
    await setImmediate();
    since = performance.now();
  }
}
