import { isWindow } from '../run/slices.ts';
import type { Manifest } from '../run/types.ts';
import { manifestDigest } from './lake.ts';

/** Key of a manifest that another one took the place of → since when the other one has been in use. */
export type Replaced = ReadonlyMap<string, { readonly since: string }>;

/**
 * Manifests that a later one took the place of: a clean manifest when the same raw bytes were cleaned anew, a load or
 * a model when it was done again for the same slice. A slice with an older `asOf` is history, not replaced; what was
 * extracted is never replaced.
 */
export function replaced(manifests: readonly Manifest[]): Replaced {
  const usedAt = lastUses(manifests);
  const groups = Map.groupBy(
    manifests.filter(({ stage }) => stage === 'Clean' || stage === 'Load' || stage === 'Transform'),
    placeOf,
  );
  const found = new Map<string, { since: string }>();
  for (const group of groups.values()) {
    const [current, ...others] = group.toSorted((a, b) => compare(usedAt(b), usedAt(a)) || compare(b.key, a.key));
    for (const { key } of current ? others : []) found.set(key, { since: current ? usedAt(current) : '' });
  }
  return found;
}

/** The clean manifests of each dataset's newest slice: what its rows and its quarantine are now. */
export function newestClean(manifests: readonly Manifest[]): readonly Manifest[] {
  const gone = replaced(manifests);
  const clean = manifests.filter(({ stage, key }) => stage === 'Clean' && !gone.has(key));
  return [...Map.groupBy(clean, ({ dataset }) => dataset).values()].flatMap((ofDataset) => {
    const newest = ofDataset.map(({ slice }) => slice.asOf).reduce((a, b) => (a > b ? a : b));
    return ofDataset.filter(({ slice }) => slice.asOf === newest);
  });
}

/** Manifests with the same place answer the same question; the one used last answers it now. */
function placeOf({ stage, dataset, slice, inputs }: Manifest): string {
  // What a load of windows brought stays in the table beside what other loads brought.
  const byInputs = stage === 'Clean' || (stage === 'Load' && isWindow(slice));
  return JSON.stringify(byInputs ? [stage, dataset, inputs] : [stage, dataset, slice.asOf, slice.params]);
}

/**
 * When a manifest was last used. A clean manifest is in use again when a load reads it after the rules went back to
 * what they were, although another one was published later.
 */
function lastUses(manifests: readonly Manifest[]): (manifest: Manifest) => string {
  const readAt = new Map<string, string>();
  for (const { stage, inputs, finishedAt } of manifests) {
    for (const input of stage === 'Load' ? inputs : []) {
      if (finishedAt > (readAt.get(input) ?? '')) readAt.set(input, finishedAt);
    }
  }
  return (manifest) => {
    const read = manifest.stage === 'Clean' ? (readAt.get(manifestDigest(manifest)) ?? '') : '';
    return read > manifest.finishedAt ? read : manifest.finishedAt;
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
