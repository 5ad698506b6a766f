import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkPipeline, checkRun, parsePipeline, parseRun } from '../../src/api/index.ts';
import { documents, fixture } from './support.ts';

/** Whatever comes in, the answer is a manifest or a list of problems, each with its message and remedy. */
function answered(checked: ReturnType<typeof checkPipeline> | ReturnType<typeof checkRun>): void {
  if (checked.ok) return;
  expect(checked.problems.length).toBeGreaterThan(0);
  for (const { message, fix } of checked.problems) expect([message, fix]).not.toContain('');
}

test('any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      answered(parsePipeline(text, 'x.yaml'));
      answered(parseRun(text, 'x.yaml'));
    }),
    { numRuns: 300 },
  );
});

test('any value', () => {
  fc.assert(
    fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }), (value) => {
      answered(checkPipeline(value));
      answered(checkRun(value));
    }),
    { numRuns: 300 },
  );
});

/** Values that have broken validators before, among others. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '{{',
    '{{ params.x }}',
    '$',
    '(',
    '\\',
    '[',
    '\u0000',
    ' ',
    '@daily',
    1e308,
    -0,
  ),
  fc.constantFrom<object>({ toString: false }, { toString: [], valueOf: 1 }),
  fc.constantFrom('* * * * *', 'http://', 'https://@', '$[', 'decimal(1,2)', 'list<string>', 'a.b', 'toString'),
);

const [sources] = documents(fixture('sources.yaml'));
const places = [...placesOf(sources, [])];

test('any value anywhere in a manifest', () => {
  fc.assert(
    fc.property(fc.constantFrom(...places), odd, (place, value) =>
      answered(checkPipeline(replaced(sources, place, value))),
    ),
    { numRuns: 300 },
  );
});

test('any characters in the text of a manifest', () => {
  const source = fixture('sources.yaml');
  fc.assert(
    fc.property(fc.nat(source.length), fc.nat(20), fc.string({ maxLength: 5 }), (start, length, text) =>
      answered(parsePipeline(source.slice(0, start) + text + source.slice(start + length), 'x.yaml')),
    ),
    { numRuns: 50 },
  );
});

test('a value that holds itself', () => {
  const value: Record<string, unknown> = { apiVersion: 'jobpulse.dev/v1alpha1', kind: 'Pipeline' };
  value.spec = value;
  answered(checkPipeline(value));
  expect(checkPipeline(value).ok).toBe(false);
});

type Place = readonly (string | number)[];

function* placesOf(value: unknown, at: Place): Generator<Place> {
  yield at;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries(value))
    yield* placesOf(member, [...at, Array.isArray(value) ? Number(name) : name]);
}

/** A copy with another value at one place. */
function replaced(value: unknown, [first, ...rest]: Place, by: unknown): unknown {
  if (first === undefined) return by;
  if (Array.isArray(value)) return value.map((item, index) => (index === first ? replaced(item, rest, by) : item));
  const object = value as Readonly<Record<string, unknown>>;
  return { ...object, [first]: replaced(object[first], rest, by) };
}
