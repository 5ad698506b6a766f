import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { crdSchema, kinds } from '../../src/api/generate/crd.ts';
import type { Schema } from '../../src/api/generate/structural.ts';
import { documents, fixture, problemsOf } from './support.ts';

const made = ['sources.yaml', 'models.yaml', 'run.yaml', 'small.yaml'].flatMap((file) =>
  documents(fixture(file)).map((value, index) => [`${file} ${index}`, value] as const),
);

test.each(made)('%s is valid', (_, value) => {
  expect(problemsOf(value)).toEqual([]);
});

describe('the made-up manifests use every field there is', () => {
  test.each(kinds.map((kind) => [kind.kind, kind] as const))('of %s', (name, kind) => {
    const values = made.map(([, value]) => value).filter((value) => (value as { kind: string }).kind === name);
    const used = new Set(values.flatMap((value) => [...valuePaths(value, '')]).map(once));
    const fields = [...schemaPaths(crdSchema(kind), '')].filter((path) => !path.startsWith('.metadata'));
    expect(fields.filter((path) => !used.has(once(path)))).toEqual([]);
  });
});

/** Blocks that stand in many places, such as a reference to a secret, need to be used in one of them. */
const once = (path: string): string =>
  path
    .replace(/^.*\.(secretKeyRef|rowCount)\./, '$1.')
    .replace(/workers\.\w+/, 'workers.pool')
    .replace(/^.*\.paging\.(?:total|next|cursor\.next)\.(path|header)$/, 'located.$1');

/** Manifests of other projects can be held against the schema too: JOBPULSE_MANIFESTS names a folder of them. */
const folder = process.env.JOBPULSE_MANIFESTS ?? '';

describe.skipIf(!existsSync(folder))('manifests of JOBPULSE_MANIFESTS (no such folder given)', () => {
  const files = folder === '' ? [] : readdirSync(folder).filter((name) => name.endsWith('.yaml'));

  test.each(files)('%s is valid', (name) => {
    const values = documents(readFileSync(join(folder, name), 'utf8'));
    expect(values.flatMap(problemsOf)).toEqual([]);
  });
});

function* schemaPaths({ properties = {}, items }: Schema, path: string): Generator<string> {
  if (items) yield* schemaPaths(items, `${path}[]`);
  for (const [name, member] of Object.entries(properties)) {
    yield `${path}.${name}`;
    yield* schemaPaths(member, `${path}.${name}`);
  }
}

function* valuePaths(value: unknown, path: string): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* valuePaths(item, `${path}[]`);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      yield `${path}.${name}`;
      yield* valuePaths(member, `${path}.${name}`);
    }
  }
}
