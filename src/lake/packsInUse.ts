import type { Manifest } from '../run/types.ts';
import { manifestDigest, manifestPath } from './lake.ts';
import { inOrderOfUse, packedFiles } from './packs.ts';

/** Which pack counts for what it holds. */
interface Holders {
  /** Digest of a manifest → its pack. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Path of a clean file → path of the pack's file that has its rows. */
  readonly files: ReadonlyMap<string, string>;
}

function holdersOf(packs: readonly Manifest[]): Holders {
  const manifests = new Map<string, Manifest>();
  for (const pack of packs) {
    for (const digest of pack.inputs) if (!manifests.has(digest)) manifests.set(digest, pack);
  }
  return { manifests, files: packedFiles(packs) };
}

const packsIn = (manifests: readonly Manifest[]): readonly Manifest[] =>
  inOrderOfUse(manifests.filter(({ stage }) => stage === 'Compact'));

const cleanFiles = ({ partitions }: Manifest): string[] =>
  partitions.flatMap(({ files }) => files.map(({ path }) => path));

/** Packs that hold nothing any more that is current and that no pack before them holds. */
export function idlePacks(manifests: readonly Manifest[], isCurrent: (clean: Manifest) => boolean): Manifest[] {
  const packs = packsIn(manifests);
  const holders = holdersOf(packs);
  const usedPacks = new Set<Manifest>();
  const usedFiles = new Set<string>();
  for (const clean of packs.length > 0 ? manifests : []) {
    if (clean.stage !== 'Clean' || !isCurrent(clean)) continue;
    const pack = holders.manifests.get(manifestDigest(clean));
    if (pack) usedPacks.add(pack);
    for (const path of cleanFiles(clean)) usedFiles.add(holders.files.get(path) ?? '');
  }
  return packs.filter((pack) => !usedPacks.has(pack) && !cleanFiles(pack).some((path) => usedFiles.has(path)));
}

/** Paths of clean manifests and clean files that packs hold, whose objects are needed no longer. */
export function heldByPacks(manifests: readonly Manifest[], isOldEnough: (pack: Manifest) => boolean): Set<string> {
  const { manifests: byDigest, files } = holdersOf(packsIn(manifests).filter(isOldEnough));
  const paths = new Set(files.keys());
  for (const clean of byDigest.size > 0 ? manifests : []) {
    if (clean.stage === 'Clean' && byDigest.has(manifestDigest(clean))) paths.add(manifestPath(clean));
  }
  return paths;
}
