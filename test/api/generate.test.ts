import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { crdOf, crdSchema, kinds } from '../../src/api/generate/crd.ts';
import { generatedFiles } from '../../src/api/generate/index.ts';
import { inputSchema, type Schema, structural } from '../../src/api/generate/structural.ts';
import { exactlyOne, withRules } from '../../src/api/rules.ts';

const root = join(import.meta.dirname, '..', '..');

test.each([...generatedFiles()])('%s is what `npm run generate` makes', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});

describe.each(kinds.map((kind) => [kind.kind, kind] as const))('the definition of %s', (_, kind) => {
  const schemas = [...walk(crdSchema(kind), '')];

  test('fits into an annotation of kubectl', () => {
    expect(JSON.stringify(crdOf(kind)).length).toBeLessThan(200 * 1024);
  });

  test('describes every field', () => {
    const silent = schemas.filter(([path, { description }]) => /[^\]*]$/.test(path) && !description);
    expect(silent.map(([path]) => path)).toEqual(['.metadata']);
  });

  test('bounds every text, list and map, so that the cost of rules can be estimated', () => {
    const open = schemas.filter(([, schema]) => {
      if (schema.items) return schema.maxItems === undefined;
      if (schema.additionalProperties) return schema.maxProperties === undefined;
      return schema.type === 'string' && schema.maxLength === undefined && !schema.enum;
    });
    expect(open.map(([path]) => path)).toEqual(['.apiVersion', '.kind']);
  });

  test('has patterns that RE2 and ECMAScript read alike', () => {
    const patterns = schemas.flatMap(([, { pattern }]) => (typeof pattern === 'string' ? [pattern] : []));
    expect(patterns.filter((pattern) => /\(\?|\\[dwsbDWSB1-9]/.test(pattern))).toEqual([]);
  });

  test('names each object of a list once', () => {
    for (const [path, schema] of schemas.filter(([, each]) => each['x-kubernetes-list-type'] === 'map')) {
      const keys = schema['x-kubernetes-list-map-keys'] as string[];
      expect([path, schema.items?.required]).toEqual([path, expect.arrayContaining(keys)]);
    }
  });
});

test('what a run asks for cannot be changed, how it goes about it can', () => {
  const [, run] = kinds;
  const spec = run && crdSchema(run).properties?.spec;
  const [rule] = (spec?.['x-kubernetes-validations'] ?? []) as { rule: string }[];
  const fixed = [...(rule?.rule.matchAll(/self\.(\w+) == oldSelf/g) ?? [])].map(([, name]) => name);
  expect(fixed).toEqual(['pipelineRef', 'datasets', 'interval', 'from', 'refresh', 'params', 'ttl']);
  expect(Object.keys(spec?.properties ?? {}).filter((name) => !fixed.includes(name))).toEqual([
    'priority',
    'maxSharePercent',
    'state',
  ]);
});

describe('a structural schema', () => {
  const of = (schema: z.ZodType) => structural(inputSchema(schema, 'openapi-3.0'), 'spec');

  test.each([
    ['a union', z.union([z.string(), z.object({})])],
    ['anything', z.unknown()],
    ['a value of its own kind', z.custom<string>()],
    ['a shape in a shape of itself', z.object({ a: z.object({ b: z.union([z.int(), z.boolean()]) }) })],
  ])('refuses %s', (_, schema) => {
    expect(() => of(schema)).toThrow(/spec/);
  });

  test('carries rules, bounds and the whole default of an object', () => {
    const shape = z.strictObject({ a: z.int().max(9).default(3), b: z.array(z.string()).default([]) });
    const schema = z.strictObject({ c: withRules(shape, exactlyOne('a', 'b')).prefault({}) });
    expect(of(schema)).toMatchObject({
      type: 'object',
      properties: {
        c: {
          type: 'object',
          default: { a: 3 },
          properties: { a: { type: 'integer', format: 'int64', default: 3, maximum: 9 }, b: { type: 'array' } },
          'x-kubernetes-validations': [
            {
              rule: '[has(self.a), has(self.b)].exists_one(x, x)',
              message: 'exactly one of a, b is needed',
              messageExpression:
                "'exactly one of a, b is needed; found:' + (has(self.a) ? ' a' : '') + (has(self.b) ? ' b' : '')",
            },
          ],
        },
      },
    });
  });
});

function* walk(schema: Schema, path: string): Generator<[string, Schema]> {
  yield [path, schema];
  if (schema.items) yield* walk(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === 'object') yield* walk(schema.additionalProperties, `${path}.*`);
  for (const [name, member] of Object.entries(schema.properties ?? {})) yield* walk(member, `${path}.${name}`);
}
