import type { Manifest, Slice } from './types.ts';

/** A snapshot of a source as far as it is published: its parts in order. */
export interface RawSlice {
  readonly slice: Slice;
  readonly parts: readonly Manifest[];
}

/** Snapshots whose last part is published, oldest first. A snapshot that broke off is never cleaned or loaded by later runs. */
export function finishedSlices(manifests: readonly Manifest[], dataset: string): readonly RawSlice[] {
  const byAsOf = new Map<string, Manifest[]>();
  for (const manifest of manifests) {
    if (manifest.dataset !== dataset || manifest.stage !== 'Extract') continue;
    byAsOf.set(manifest.slice.asOf, [...(byAsOf.get(manifest.slice.asOf) ?? []), manifest]);
  }
  return [...byAsOf.values()]
    .map((parts) => parts.toSorted((a, b) => Number(a.part) - Number(b.part)))
    .filter((parts) => parts.every((part, at) => part.part === String(at)) && !parts.at(-1)?.source?.next)
    .flatMap((parts) => (parts[0] ? [{ slice: parts[0].slice, parts }] : []))
    .toSorted((a, b) => (a.slice.asOf < b.slice.asOf ? -1 : 1));
}
