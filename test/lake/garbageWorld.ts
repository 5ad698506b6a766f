import fc from 'fast-check';
import type { StoredObject } from '../../src/connectors/stores/store.ts';
import type { SweepInput } from '../../src/lake/garbage.ts';
import { manifestDigest, manifestPath } from '../../src/lake/lake.ts';
import type { FileRef, Manifest } from '../../src/run/types.ts';
import { cleaned, extracted, loaded, manifest } from '../run/reportManifests.ts';

export const now = new Date('2026-11-20T12:00:00.000Z');
export const hour = 3_600_000;
export const day = 24 * hour;

/** A moment so long before now. */
export const ago = (ms: number): string => new Date(now.getTime() - ms).toISOString();

export const object = (path: string, ageMs: number): StoredObject => ({
  path,
  bytes: 10,
  modifiedAt: new Date(now.getTime() - ageMs),
});

const slice = (asOf: string) => ({ asOf, params: '00000000' });
const file = (path: string): FileRef => ({ path, bytes: 10 });
const partition = (files: readonly FileRef[]) => [{ values: {}, rows: 1, rowsHash: 'h', files }];

/** An extract step of a snapshot that old. */
export function extract(key: string, ageMs: number): Manifest {
  const body = `raw/postings/${ago(ageMs).slice(0, 10)}/${key}/000000.json.zst`;
  const times = { slice: slice(ago(ageMs)), finishedAt: ago(ageMs) };
  return manifest({ stage: 'Extract', key, ...times, ledger: extracted(), partitions: partition([file(body)]) });
}

/** A clean step that was done so long ago over what was extracted. */
export function clean(key: string, raw: Manifest, doneMs: number, content = key): Manifest {
  return manifest({
    ...{ stage: 'Clean', key, dataset: raw.dataset, slice: raw.slice, ledger: cleaned() },
    inputs: [manifestDigest(raw)],
    partitions: partition([file(`clean/postings/${content}.parquet`)]),
    seen: [file(`clean/postings/_seen/${content}.parquet`)],
    quarantine: [file(`quarantine/postings/${content}.parquet`)],
    finishedAt: ago(doneMs),
  });
}

/** A load of cleaned slices, done so long ago. */
export function load(key: string, inputs: readonly Manifest[], doneMs: number): Manifest {
  const [newest] = inputs.map((input) => input.slice).toSorted((a, b) => (a.asOf < b.asOf ? 1 : -1));
  return manifest({
    ...{ stage: 'Load', key, ledger: loaded(), inputs: inputs.map(manifestDigest), finishedAt: ago(doneMs) },
    ...(newest && { slice: newest }),
  });
}

/** Everything the manifests name, the manifests themselves included, as it lies in the lake. */
export function objectsOf(manifests: readonly Manifest[]): StoredObject[] {
  const objects = new Map<string, StoredObject>();
  for (const each of manifests) {
    const age = now.getTime() - Date.parse(each.finishedAt);
    const paths = [manifestPath(each), ...filesOf(each)];
    const metas = paths
      .filter((path) => path.startsWith('raw/'))
      .map((path) => path.replace('.json.zst', '.meta.json'));
    for (const path of [...paths, ...metas]) objects.set(path, object(path, age));
  }
  return [...objects.values()];
}

export const filesOf = ({ partitions, seen = [], quarantine = [] }: Manifest): string[] =>
  [...partitions.flatMap(({ files }) => files), ...seen, ...quarantine].map(({ path }) => path);

const days = (min: number, max: number) => fc.integer({ min, max }).map((n) => n * day);
const key = fc.stringMatching(/^[0-9a-f]{20}$/);

/** A snapshot cleaned by up to three versions of the rules, which may agree on their result, and loaded by some. */
const anySlice = fc
  .record({
    keys: fc.uniqueArray(key, { minLength: 7, maxLength: 7 }),
    age: days(0, 60),
    versions: fc.array(fc.record({ content: fc.constantFrom('one', 'two'), loads: fc.boolean(), after: days(0, 5) }), {
      maxLength: 3,
    }),
  })
  .map(({ keys, age, versions }) => {
    const [extractKey = '', ...others] = keys;
    const raw = extract(extractKey, age);
    const steps = versions.flatMap(({ content, loads, after }, at) => {
      const step = clean(others[at] ?? '', raw, age - after, `${extractKey}-${content}`);
      return loads ? [step, load(others[at + 3] ?? '', [raw, step], age - after - hour)] : [step];
    });
    return [raw, ...steps];
  });

const maybeDays = fc.option(days(1, 50), { nil: undefined });

/** Any lake: published snapshots, files nobody names, raw bytes of steps that are not published. */
export const anyLake: fc.Arbitrary<SweepInput> = fc
  .record({
    slices: fc.array(anySlice, { maxLength: 5 }),
    orphans: fc.array(fc.tuple(fc.constantFrom('clean', 'quarantine'), key, days(0, 3)), { maxLength: 5 }),
    unpublished: fc.array(fc.tuple(key, days(0, 3), fc.boolean()), { maxLength: 5 }),
    raw: maybeDays,
    clean: maybeDays,
    quarantine: maybeDays,
  })
  .map(({ slices, orphans, unpublished, ...retention }) => {
    const manifests = slices.flat();
    const strays = [
      ...orphans.map(([area, name, age]) => object(`${area}/postings/${name}.parquet`, age)),
      ...unpublished.map(([name, age]) => object(`raw/postings/2026-11-18/${name}/000000.json.zst`, age)),
    ];
    const unfinished = unpublished.filter(([, , open]) => open).map(([name]) => name);
    return {
      ...{ manifests, objects: [...objectsOf(manifests), ...strays], unfinishedKeys: new Set(unfinished), now },
      itemLists: new Map(),
      retention: JSON.parse(JSON.stringify(retention)),
    };
  });
