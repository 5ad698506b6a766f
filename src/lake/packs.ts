import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import type { Store } from '../connectors/stores/store.ts';
import { TerminalError } from '../run/errors.ts';
import type { Manifest } from '../run/types.ts';

/**
 * A pack is what a Compact step publishes: the rows of many small clean files in few, and the manifests of many slices
 * word for word in one file. Nothing else changes: whoever reads manifests gets those in packs as if they were still
 * single, and whoever reads a file that they name is told which rows of a pack to take. So no digest and no key changes.
 */

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Whether a path is of a pack's manifest, `_jobpulse/steps/<dataset>/compact/…`. */
export const isPackPath = (path: string): boolean => path.split('/')[3] === 'compact';

/** Two runs may have packed the same at the same time: what the first has counts. */
export const inOrderOfUse = (packs: readonly Manifest[]): readonly Manifest[] =>
  packs.toSorted((a, b) => (`${a.finishedAt} ${a.key}` < `${b.finishedAt} ${b.key}` ? -1 : 1));

/** Manifests as a pack keeps them: the same manifests give the same bytes. */
export const packManifests = (manifests: readonly Manifest[]): Promise<Buffer> =>
  compress(Buffer.from(manifests.map((manifest) => JSON.stringify(manifest)).join('\n')));

/** The manifests that a pack stands for. */
export async function manifestsIn(store: Store, { replaces = [], dataset }: Manifest): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for (const { path } of replaces) {
    const bytes = await store.get(path);
    if (!bytes) throw packBroken(path, dataset);
    const lines = (await decompress(bytes)).toString('utf8').split('\n');
    found.push(...lines.map((line) => JSON.parse(line) as Manifest));
  }
  return found;
}

const packBroken = (path: string, dataset: string): TerminalError =>
  new TerminalError(
    'LakeFileMissing',
    `${path} is not in the lake, but a manifest of ${dataset}/compact names it; restore the file, ` +
      'or delete that manifest so that the next run cleans its slices again from their raw bytes',
  );

/** Path of a clean file → path of the pack that has its rows. */
export function packedFiles(packs: readonly Manifest[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { path, holds = [] } of packs.flatMap(({ partitions }) => partitions.flatMap(({ files }) => files))) {
    const folder = path.slice(0, path.lastIndexOf('/'));
    for (const name of holds) {
      const packed = `${folder}/${name}.parquet`;
      if (!found.has(packed)) found.set(packed, path);
    }
  }
  return found;
}

/** The name of a clean file, by which a pack knows its rows: `3fa9…` of `clean/postings/3fa9….parquet`. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1).replace('.parquet', '');
