import type { StoredObject } from '../connectors/stores/store.ts';
import type { Manifest } from '../run/types.ts';
import { replaced } from './current.ts';
import { numberOf } from './itemLists.ts';
import { manifestDigest, manifestPath } from './lake.ts';
import { heldByPacks, idlePacks } from './packsInUse.ts';

/** Nothing is garbage before this age: an attempt that is still alive writes within it. */
const graceMs = 24 * 3_600_000;

/** Why an object is removed. */
export type GarbageReason =
  /** No manifest names it. */
  | 'Orphan'
  /** A later manifest took the place of the one that names it, or a pack has it. */
  | 'Replaced'
  /** A list of items of which all is done, or that nobody went on with for long. */
  | 'Done'
  /** Older than `retention.raw`, `.clean` or `.quarantine`. */
  | 'Expired';

export interface Garbage {
  readonly path: string;
  readonly bytes: number;
  readonly reason: GarbageReason;
}

/** How long things are kept, in milliseconds; absent = for ever. */
export interface Retention {
  readonly raw?: number;
  readonly clean?: number;
  readonly quarantine?: number;
}

export interface SweepInput {
  /** Objects below `raw`, `clean`, `quarantine` and `_jobpulse/steps`. */
  readonly objects: readonly StoredObject[];
  /** Every published manifest of the pipeline. */
  readonly manifests: readonly Manifest[];
  /** Path of each list of items → the keys of its steps. */
  readonly itemLists: ReadonlyMap<string, readonly string[]>;
  /** Keys that unfinished runs still plan. */
  readonly unfinishedKeys: ReadonlySet<string>;
  readonly now: Date;
  readonly retention: Retention;
}

/** What a sweep removes, and the extract steps whose raw bytes it removes because of their age. */
export interface Collectable {
  readonly garbage: readonly Garbage[];
  readonly expired: readonly Pick<Manifest, 'dataset' | 'key'>[];
}

/** Decides what is garbage; a pure function of what is there. */
export function collectable(input: SweepInput): Collectable {
  const removed = removedManifests(input);
  const kept = input.manifests.filter(({ key }) => !removed.has(key));
  const packed = heldByPacks(kept, ({ finishedAt }) => isPastGrace(input, Date.parse(finishedAt)));
  const expired = kept.filter(({ stage, slice }) => stage === 'Extract' && isOlder(input, slice.asOf, 'raw'));
  const expiredKeys = new Set(expired.map(({ key }) => key));
  const reasonOf = new Map<string, ReasonOf>([
    ['raw', rawReason(input, expiredKeys)],
    ['clean', derivedReason(input, kept, removed, packed)],
    ['quarantine', quarantineReason(input, kept, removed, packed)],
    ['_jobpulse', either(removedReason(input, removed, packed), listReason(input))],
  ]);
  const garbage = input.objects.flatMap((object) => {
    const reason = reasonOf.get(object.path.slice(0, object.path.indexOf('/')))?.(object);
    return reason ? [{ path: object.path, bytes: object.bytes, reason }] : [];
  });
  const emptied = new Set(garbage.map(({ path }) => rawKey(path)));
  return { garbage, expired: expired.filter(({ key }) => emptied.has(key)) };
}

type ReasonOf = (object: StoredObject) => GarbageReason | undefined;

type Removed = ReadonlyMap<string, GarbageReason>;

/**
 * Keys of manifests that go, and why. Extract manifests never go. A manifest that a model was built from stays: the
 * model's key holds its digest, and without it the model would be built again for nothing.
 */
function removedManifests(input: SweepInput): Removed {
  const reasonOf = manifestReason(input);
  const removed = new Map<string, GarbageReason>();
  for (const manifest of input.manifests) {
    const reason = reasonOf(manifest);
    if (reason) removed.set(manifest.key, reason);
  }
  for (const { key, finishedAt } of idlePacks(input.manifests, (clean) => !removed.has(clean.key))) {
    if (isPastGrace(input, Date.parse(finishedAt))) removed.set(key, 'Replaced');
  }
  const models = input.manifests.filter(({ stage, key }) => stage === 'Transform' && !removed.has(key));
  const builtFrom = new Set(models.flatMap(({ inputs }) => inputs));
  for (const manifest of input.manifests) {
    if (removed.has(manifest.key) && builtFrom.has(manifestDigest(manifest))) removed.delete(manifest.key);
  }
  return removed;
}

function manifestReason(input: SweepInput): (manifest: Manifest) => GarbageReason | undefined {
  const replacements = replaced(input.manifests);
  const latest = latestSlices(input.manifests);
  return (manifest) => {
    const { key, stage, slice } = manifest;
    if (stage === 'Extract' || stage === 'Compact' || stage === 'Sweep') return undefined;
    const replacement = replacements.get(key);
    if (replacement && isPastGrace(input, Date.parse(replacement.since))) return 'Replaced';
    // History goes whole: were only the newest of a slice to go, what it had replaced would count again.
    if (slice.asOf === latest.get(seriesOf(manifest))) return undefined;
    return isHistory(input, slice.asOf) ? 'Expired' : undefined;
  };
}

const isPastGrace = ({ now }: SweepInput, since: number): boolean => now.getTime() - since > graceMs;

/**
 * A slice is dropped from history only when its raw bytes have had their time as well: from raw bytes that are
 * there it would be cleaned and loaded again by the next run.
 */
const isHistory = (input: SweepInput, asOf: string): boolean =>
  isOlder(input, asOf, 'clean') && isOlder(input, asOf, 'raw');

function isOlder({ now, retention }: SweepInput, asOf: string, what: keyof Retention): boolean {
  const kept = retention[what];
  return kept !== undefined && now.getTime() - Date.parse(asOf) > kept;
}

const seriesOf = ({ stage, dataset }: Manifest): string => `${stage} ${dataset}`;

/** The newest slice of each stage of each dataset, which retention never takes away. */
function latestSlices(manifests: readonly Manifest[]): ReadonlyMap<string, string> {
  const latest = new Map<string, string>();
  for (const manifest of manifests) {
    const series = seriesOf(manifest);
    if (manifest.slice.asOf > (latest.get(series) ?? '')) latest.set(series, manifest.slice.asOf);
  }
  return latest;
}

/** The key in `raw/<dataset>/<date>/<key>/000000.json.zst`. */
const rawKey = (path: string): string => (path.startsWith('raw/') ? (path.split('/')[3] ?? '') : '');

/** Raw bytes and what is known about them belong to the key in their path, and go or stay together. */
function rawReason(input: SweepInput, expiredKeys: ReadonlySet<string>): ReasonOf {
  const published = new Set(input.manifests.filter(({ stage }) => stage === 'Extract').map(({ key }) => key));
  const writtenAt = new Map<string, number>();
  for (const { path, modifiedAt } of input.objects) {
    const key = rawKey(path);
    writtenAt.set(key, Math.max(writtenAt.get(key) ?? 0, modifiedAt.getTime()));
  }
  return ({ path }) => {
    const key = rawKey(path);
    if (published.has(key)) return expiredKeys.has(key) ? 'Expired' : undefined;
    const isQuiet = isPastGrace(input, writtenAt.get(key) ?? 0);
    return isQuiet && !input.unfinishedKeys.has(key) ? 'Orphan' : undefined;
  };
}

/** A file that several manifests share stays while one of them does, unless its rows are in a pack. */
function derivedReason(
  input: SweepInput,
  kept: readonly Manifest[],
  removed: Removed,
  packed: ReadonlySet<string>,
): ReasonOf {
  const keptPaths = new Set(kept.flatMap(filesOf));
  const removedPaths = new Map(
    input.manifests.flatMap((manifest) => {
      const reason = removed.get(manifest.key);
      return reason ? filesOf(manifest).map((path) => [path, reason] as const) : [];
    }),
  );
  // The name of a derived file is a hash of its content, so any unfinished step may be about to name it.
  const isOrphan = ({ modifiedAt }: StoredObject) =>
    input.unfinishedKeys.size === 0 && isPastGrace(input, modifiedAt.getTime());
  return (object) => {
    if (packed.has(object.path)) return 'Replaced';
    if (keptPaths.has(object.path)) return undefined;
    return removedPaths.get(object.path) ?? (isOrphan(object) ? 'Orphan' : undefined);
  };
}

/** Beyond its retention quarantine goes although manifests name it: it holds records that did not pass. */
function quarantineReason(
  input: SweepInput,
  kept: readonly Manifest[],
  removed: Removed,
  packed: ReadonlySet<string>,
): ReasonOf {
  const isStale = ({ slice }: Manifest) => isOlder(input, slice.asOf, 'quarantine');
  const fresh = new Set(kept.filter((manifest) => !isStale(manifest)).flatMap(filesOf));
  const stale = new Set(kept.filter(isStale).flatMap(filesOf));
  const reasonOf = derivedReason(input, kept, removed, packed);
  return (object) => (stale.has(object.path) && !fresh.has(object.path) ? 'Expired' : reasonOf(object));
}

/** The files of the manifests that go. */
function removedReason(input: SweepInput, removed: Removed, packed: ReadonlySet<string>): ReasonOf {
  const reasons = new Map(input.manifests.map((manifest) => [manifestPath(manifest), removed.get(manifest.key)]));
  return ({ path }) => (packed.has(path) ? 'Replaced' : reasons.get(path));
}

const either =
  (one: ReasonOf, other: ReasonOf): ReasonOf =>
  (object) =>
    one(object) ?? other(object);

/** A run that is gone on with after so long lists its items anew. */
const abandonedMs = 7 * graceMs;

/** Lists whose steps are published; the newest of a dataset stays, because numbers must go on. */
function listReason({ itemLists, manifests, now }: SweepInput): ReasonOf {
  const published = new Set(manifests.map(({ key }) => key));
  const folderOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));
  const newest = new Map<string, string>();
  for (const path of [...itemLists.keys()].filter(numberOf).sort()) newest.set(folderOf(path), path);
  return ({ path, modifiedAt }) => {
    const keys = itemLists.get(path);
    const age = now.getTime() - modifiedAt.getTime();
    if (!keys || newest.get(folderOf(path)) === path || age <= graceMs) return undefined;
    return age > abandonedMs || keys.every((key) => published.has(key)) ? 'Done' : undefined;
  };
}

const filesOf = ({ partitions, quarantine = [], seen = [], replaces = [] }: Manifest): string[] =>
  [...partitions.flatMap(({ files }) => files), ...quarantine, ...seen, ...replaces].map(({ path }) => path);
