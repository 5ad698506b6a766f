import type { Store } from '../connectors/stores/store.ts';
import { TerminalError } from '../run/errors.ts';
import { digestOf, type Json } from '../run/key.ts';
import type { Manifest } from '../run/types.ts';
import { layout } from './layout.ts';
import { inOrderOfUse, isPackPath, manifestsIn } from './packs.ts';

/** One pipeline's part of the lake: everything below `<namespace>/<pipeline>/`. */
export interface Lake {
  /** The store, seen from below this pipeline's prefix. */
  readonly store: Store;
  /** `<namespace>/<name>` of the pipeline. */
  readonly pipeline: string;
}

/** What two attempts at one step must agree on; times, runs and epochs are left out on purpose. */
export function manifestDigest(manifest: Pick<Manifest, 'key' | 'ledger' | 'partitions' | 'schema'>): string {
  const known = digests.get(manifest);
  if (known !== undefined) return known;
  const { key, ledger, partitions, schema } = manifest;
  const digest = digestOf({ key, ledger, partitions, schema } as unknown as Json);
  digests.set(manifest, digest);
  return digest;
}

/** A plan asks for the digest of a manifest many times. */
const digests = new WeakMap<object, string>();

export const manifestPath = (manifest: Pick<Manifest, 'dataset' | 'stage' | 'slice' | 'key'>): string =>
  layout.manifest(manifest.dataset, manifest.stage, manifest.slice, manifest.key);

/**
 * Publishes a step: the one write that makes its objects visible.
 * The first to publish wins; a later attempt adopts what is there, and fails if its ledger says otherwise.
 */
export async function publish(lake: Lake, manifest: Manifest): Promise<Manifest> {
  const path = manifestPath(manifest);
  if ((await lake.store.putIfAbsent(path, Buffer.from(JSON.stringify(manifest)))) === 'created') return manifest;
  const published = await readManifest(lake, path);
  if (!published || manifestDigest(published) !== manifestDigest(manifest)) {
    throw new TerminalError(
      'NotReproducible',
      `${path} is published with another result than this attempt's: the step is not a function of its inputs. Nothing was overwritten.`,
    );
  }
  return published;
}

/** A published manifest, or `undefined`. */
export async function readManifest(lake: Lake, path: string): Promise<Manifest | undefined> {
  const bytes = await lake.store.get(path);
  return bytes && (JSON.parse(bytes.toString('utf8')) as Manifest);
}

/** All published manifests of the pipeline. */
export async function listManifests(lake: Lake): Promise<Manifest[]> {
  return readListed(lake, await pathsBelow(lake, layout.steps()));
}

/**
 * What is published under listed paths, and what packs among them stand for, as far as it is meant: to readers a
 * manifest in a pack is one like all others, and it is not read a second time.
 */
export async function readListed(
  lake: Lake,
  listed: ReadonlySet<string>,
  isMeant: (path: string) => boolean = () => true,
): Promise<Manifest[]> {
  const paths = [...listed];
  const found = new Map<string, Manifest>();
  const packs = inOrderOfUse(await readAll(lake, paths.filter(isPackPath)));
  for (const pack of packs) {
    for (const manifest of await manifestsIn(lake.store, pack)) {
      const path = manifestPath(manifest);
      // What was extracted is never replaced: a pack has a copy, and whoever removed the manifest meant it.
      const isThere = manifest.stage === 'Clean' || listed.has(path);
      if (isThere && isMeant(path) && !found.has(path)) found.set(path, manifest);
    }
  }
  const single = await readAll(
    lake,
    paths.filter((path) => !isPackPath(path) && !found.has(path)),
  );
  for (const manifest of [...packs, ...single]) found.set(manifestPath(manifest), manifest);
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, manifest]) => manifest);
}

/** Manifests by their paths, in that order; what is in a pack now has gone from its own path. */
export async function readNamed(lake: Lake, paths: readonly string[]): Promise<(Manifest | undefined)[]> {
  const packed = paths.length > manyPaths ? await packedManifests(lake, paths) : new Map<string, Manifest>();
  const found = await mapBounded(paths, 16, async (path) => packed.get(path) ?? (await readManifest(lake, path)));
  if (paths.length > manyPaths || !found.includes(undefined)) return found;
  const others = await packedManifests(lake, paths);
  return found.map((manifest, at) => manifest ?? others.get(paths[at] ?? ''));
}

/** So many manifests are sooner found in packs, where they are in one, than read one by one. */
const manyPaths = 64;

async function packedManifests(lake: Lake, paths: readonly string[]): Promise<Map<string, Manifest>> {
  const found = new Map<string, Manifest>();
  for (const dataset of new Set(paths.map(datasetIn))) {
    for (const pack of (await listPacks(lake, dataset)).toReversed()) {
      for (const manifest of await manifestsIn(lake.store, pack)) found.set(manifestPath(manifest), manifest);
    }
  }
  return found;
}

/** The dataset in `_jobpulse/steps/<dataset>/…`. */
const datasetIn = (path: string): string => path.split('/')[2] ?? '';

/** The packs of a dataset; where several hold the same, the first counts. */
export const listPacks = async (lake: Lake, dataset: string): Promise<readonly Manifest[]> =>
  inOrderOfUse(await readAll(lake, [...(await pathsBelow(lake, layout.steps(dataset, 'Compact')))]));

async function pathsBelow({ store }: Lake, folder: string): Promise<Set<string>> {
  const paths = new Set<string>();
  for await (const { path } of store.list(folder)) paths.add(path);
  return paths;
}

const readAll = async (lake: Lake, paths: readonly string[]): Promise<Manifest[]> =>
  (await mapBounded(paths, 16, (path) => readManifest(lake, path))).filter((manifest) => manifest !== undefined);

/** Stores a resolved stage spec under its digest and returns the digest. */
export async function putSpec(lake: Lake, spec: Json): Promise<string> {
  const digest = digestOf(spec);
  await lake.store.putIfAbsent(layout.spec(digest), Buffer.from(JSON.stringify(spec)));
  return digest;
}

/** The stage spec a step was planned with. */
export async function getSpec(lake: Lake, digest: string): Promise<unknown> {
  const known = specs.get(digest);
  if (known !== undefined) return known;
  const bytes = await lake.store.get(layout.spec(digest));
  if (!bytes) throw new TerminalError('SpecMissing', `${layout.spec(digest)} is not in the lake; plan the run again`);
  const spec: unknown = JSON.parse(bytes.toString('utf8'));
  if (specs.size >= rememberedSpecs) specs.clear();
  specs.set(digest, spec);
  return spec;
}

/** A digest names its content for ever, so what was read once need not be read again. */
const specs = new Map<string, unknown>();
const rememberedSpecs = 200;

/** The results of `work` over all items, in order, at most `width` at a time. */
export async function mapBounded<In, Out>(
  items: readonly In[],
  width: number,
  work: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = [];
  for (let at = 0; at < items.length; at += width) {
    results.push(...(await Promise.all(items.slice(at, at + width).map(work))));
  }
  return results;
}
