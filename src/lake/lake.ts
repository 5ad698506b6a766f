import type { Store } from '../connectors/stores/store.ts';
import { TerminalError } from '../run/errors.ts';
import { digestOf, type Json } from '../run/key.ts';
import type { Manifest, StageName } from '../run/types.ts';
import { layout } from './layout.ts';

/** One pipeline's part of the lake: everything below `<namespace>/<pipeline>/`. */
export interface Lake {
  /** The store, seen from below this pipeline's prefix. */
  readonly store: Store;
  /** `<namespace>/<name>` of the pipeline. */
  readonly pipeline: string;
}

/** What two attempts at one step must agree on; times, runs and epochs are left out on purpose. */
export const manifestDigest = (manifest: Pick<Manifest, 'key' | 'ledger' | 'partitions' | 'schema'>): string =>
  digestOf({
    key: manifest.key,
    ledger: manifest.ledger,
    partitions: manifest.partitions,
    schema: manifest.schema,
  } as unknown as Json);

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

/** All published manifests of the pipeline, or of one dataset, or of one of its stages. */
export async function listManifests(lake: Lake, dataset?: string, stage?: StageName): Promise<Manifest[]> {
  const paths: string[] = [];
  for await (const object of lake.store.list(layout.steps(dataset, stage))) paths.push(object.path);
  paths.sort();
  const manifests = await mapBounded(paths, 16, (path) => readManifest(lake, path));
  return manifests.filter((manifest) => manifest !== undefined);
}

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
