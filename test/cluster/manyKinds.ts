import fc from 'fast-check';
import { checkPipeline } from '../../src/api/index.ts';
import { documents, fixture } from '../api/support.ts';

/** A manifest that somebody might write, or mistype. */
export interface Written {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: unknown;
}

type Place = readonly (string | number)[];

/** Values that have broken validators before, among others. */
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>('', '{{', '{{ params.x }}', '$', '(', '[', ' ', '@daily', 1e308, -1, null, [], {}),
  fc.constantFrom('* * * * *', 'http://', 'https://@', '$[', 'decimal(1,2)', 'list<string>', 'a.b', 'x'.repeat(5000)),
);

/**
 * Manifests: the made-up ones that use every field there is, what of each of their datasets is built, those with some of
 * their fields left out, and those with something odd anywhere. The same seed gives the same manifests.
 */
export function manyKinds(count: number, seed: number): readonly Written[] {
  const originals = ['sources.yaml', 'models.yaml', 'small.yaml'].flatMap((file) =>
    documents(fixture(file)).filter((value) => (value as Written).kind === 'Pipeline'),
  );
  const valid = originals.flatMap(eachDataset).flatMap((manifest) => mended(manifest) ?? []);
  const places = new Map([...originals, ...valid].map((manifest) => [manifest, [...placesOf(manifest, [])]]));
  const placeIn = (manifest: unknown) => fc.constantFrom(...(places.get(manifest) ?? [])).filter(isInSpec);
  const shorter = fc
    .constantFrom(...valid)
    .chain((manifest) =>
      fc.record({ manifest: fc.constant(manifest), gone: fc.array(placeIn(manifest), { maxLength: 8 }) }),
    )
    .map(({ manifest, gone }) => gone.reduce((kept: unknown, place) => validWithout(kept, place), manifest));
  const odder = fc
    .constantFrom(...valid)
    .chain((manifest) => fc.tuple(fc.constant(manifest), placeIn(manifest), odd))
    .map(([manifest, place, value]) => replaced(manifest, place, value));
  const fixed = [...originals, ...valid];
  const drawn = fc.sample(fc.oneof({ arbitrary: shorter, weight: 2 }, { arbitrary: odder, weight: 1 }), {
    seed,
    numRuns: count - fixed.length,
  });
  return [...fixed, ...drawn].map((manifest, index) => {
    const { spec, ...rest } = manifest as Written;
    const described = isObject(spec) && 'description' in spec ? { ...spec, description: `Kind ${index}` } : spec;
    return { ...rest, metadata: { name: `kind-${index}` }, spec: described };
  });
}

/** A manifest with one of its datasets, for each of them, and all of it. */
function eachDataset(manifest: unknown): readonly unknown[] {
  const { spec, ...rest } = manifest as { readonly spec: { readonly datasets?: readonly unknown[] } };
  return [manifest, ...(spec.datasets ?? []).map((dataset) => ({ ...rest, spec: { ...spec, datasets: [dataset] } }))];
}

/** A manifest without what is wrong with it, if that is possible. */
function mended(manifest: unknown): unknown {
  let better = manifest;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const checked = checkPipeline(better);
    if (checked.ok) return better;
    better = mendedAt(better, placeOf(checked.problems[0]?.path ?? 'spec'));
  }
  return undefined;
}

/** What is built, by what is not: its name and a value. */
const built: Readonly<Record<string, readonly [name: string, value: unknown]>> = {
  stream: ['rest', { baseUrl: 'https://api.harbour.example', path: '/arrivals' }],
  crawl: ['rest', { baseUrl: 'https://jobs.harbour.example', path: '/list' }],
  http: ['paths', ['notices.csv']],
  sharepoint: ['paths', ['register.csv']],
  excel: ['csv', {}],
  parquet: ['csv', {}],
  html: ['json', { records: '$[*]' }],
  aggregate: ['sql', 'SELECT count(*) AS n FROM openings'],
};

/** The same for values. */
const builtValues: Readonly<Record<string, string>> = { engine: 'DuckDB', contract: 'Evolve', mode: 'Merge' };

/** Without what stands at a place, or with what is built instead of it. */
function mendedAt(manifest: unknown, place: Place): unknown {
  // What is missing makes what it is missing in useless.
  if (place.length > 2 && valueAt(manifest, place) === undefined) return mendedAt(manifest, place.slice(0, -1));
  const last = String(place.at(-1));
  const other = builtValues[last];
  if (other !== undefined) return replaced(manifest, place, other);
  const shorter = without(manifest, place);
  const [name, value] = built[last] ?? [];
  return name === undefined ? shorter : replaced(shorter, [...place.slice(0, -1), name], value);
}

const validWithout = (manifest: unknown, place: Place): unknown => {
  const shorter = without(manifest, place);
  return checkPipeline(shorter).ok ? shorter : manifest;
};

const valueAt = (value: unknown, place: Place): unknown =>
  place.reduce<unknown>((held, step) => (held as Record<string | number, unknown> | undefined)?.[step], value);

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isInSpec = (place: Place): boolean => place.length > 1 && place[0] === 'spec';

/** `spec.datasets[0].key` as a place. */
const placeOf = (path: string): Place =>
  path.split(/[.[\]]+/).flatMap((step) => (step === '' ? [] : [/^\d+$/.test(step) ? Number(step) : step]));

function* placesOf(value: unknown, at: Place): Generator<Place> {
  yield at;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value))
    yield* placesOf(member, [...at, Array.isArray(value) ? Number(name) : name]);
}

/** A copy with another value at one place. */
export function replaced(value: unknown, [first, ...rest]: Place, by: unknown): unknown {
  if (first === undefined) return by;
  if (Array.isArray(value)) return value.map((item, index) => (index === first ? replaced(item, rest, by) : item));
  const object = value as Readonly<Record<string, unknown>>;
  return { ...object, [first]: replaced(object[first], rest, by) };
}

/** A copy without one place; the same where there is no such place. */
function without(value: unknown, [first, ...rest]: Place): unknown {
  if (first === undefined || typeof value !== 'object' || value === null) return value;
  const isLast = rest.length === 0;
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => (index !== first ? [item] : isLast ? [] : [without(item, rest)]));
  }
  const entries = Object.entries(value).filter(([name]) => !(isLast && name === first));
  return Object.fromEntries(entries.map(([name, member]) => [name, name === first ? without(member, rest) : member]));
}
