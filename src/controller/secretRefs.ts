import type { Pipeline, SecretKeyRef } from '../api/index.ts';
import type { PoolName } from '../queue/names.ts';
import type { Json } from '../run/key.ts';

/** The secrets that the steps of a pool read: those that its part of the manifest names, each once. */
export function secretsOf({ spec }: Pipeline, pool: PoolName): readonly SecretKeyRef[] {
  const parts: Readonly<Record<PoolName, readonly unknown[]>> = {
    extract: spec.datasets.map(({ extract }) => extract),
    clean: [spec.privacy, ...spec.datasets.map(({ format, clean }) => ({ format, clean }))],
    warehouse: [spec.warehouse, spec.transform],
  };
  const refs = parts[pool].flatMap((part) => [...secretRefsIn(part as Json | undefined)]);
  const byPlace = Map.groupBy(refs, ({ name, key }) => `${name}/${key}`);
  const merged = [...byPlace.values()].flatMap(([first, ...others]) =>
    first ? [{ ...first, optional: [first, ...others].every(({ optional }) => optional === true) }] : [],
  );
  return merged.toSorted((a, b) => compare(a.name, b.name) || compare(a.key, b.key));
}

/** Every `secretKeyRef`, wherever it stands: a new place for one needs no line here. A `body` is the source's own text. */
export function* secretRefsIn(value: Json | undefined): Generator<SecretKeyRef> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    if (name === 'secretKeyRef') yield member as unknown as SecretKeyRef;
    else if (name !== 'body') yield* secretRefsIn(member);
  }
}

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b);
