import type { Lake } from '../../lake/lake.ts';
import { layout } from '../../lake/layout.ts';
import { TransientError } from '../../run/errors.ts';

/** From which item on the items of a step are deferred, if an attempt at it decided so. */
export async function deferredFrom(lake: Lake, folder: string): Promise<number | undefined> {
  const bytes = await lake.store.get(layout.deferred(folder));
  return bytes && (JSON.parse(bytes.toString('utf8')) as { from: number }).from;
}

/** Defers the items from one on, for good: whoever attempts the step later comes to the same end. */
export async function defer(lake: Lake, folder: string, from: number): Promise<number> {
  const outcome = await lake.store.putIfAbsent(layout.deferred(folder), Buffer.from(JSON.stringify({ v: 1, from })));
  const decided = outcome === 'created' ? from : ((await deferredFrom(lake, folder)) ?? from);
  if (decided > from)
    throw new TransientError(`another attempt at this step could pay for ${decided - from} items more`);
  return decided;
}
