import { expect, test } from 'vitest';
import { problemText } from '../../src/api/index.ts';
import { readYaml } from '../../src/api/yaml.ts';

function told(source: string): string[] {
  const read = readYaml(source, 'm.yaml');
  return read.ok ? [] : read.problems.map(problemText);
}

test('what is not YAML is told with line and column', () => {
  expect(told('a: [1\nb: 2')).toEqual([
    'm.yaml:2:1: not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]. Mend the YAML at this place.',
  ]);
  expect(told("a: 'x")[0]).toMatch(/^m\.yaml:1:\d+: not valid YAML: Missing closing/);
  expect(told('a:\n\tb: 1')[0]).toContain('a tab indents the line. Indent with spaces.');
});

test('a key that is given twice', () => {
  expect(told('a: 1\nb: 2\na: 3')).toEqual([
    'm.yaml:3:1: not valid YAML: the same key is given twice in one object. Keep one of the two.',
  ]);
});

test('several documents', () => {
  expect(told('a: 1\n---\nb: 2')).toEqual([
    'm.yaml:2:1: not valid YAML: several documents in one file. Keep one document in each file.',
  ]);
});

test('tags', () => {
  expect(told('a: !secret x')[0]).toContain('a tag (!…) is not allowed in a manifest');
  expect(told('a: !!binary aGk=')[0]).toContain('a tag (!…) is not allowed in a manifest');
});

test.each(['no', 'Yes', 'on', 'OFF', 'y', '010', '-007', '1_000'])(
  '%s, which kubectl reads as another value',
  (word) => {
    const [line] = told(`a: {b: ${word}}`);
    expect(line).toMatch(/^m\.yaml:1:8: .* without quotes means another value to kubectl/);
    expect(told(`a: {b: "${word}"}`)).toEqual([]);
  },
);

test.each(['0', '0.5', '10', 'true', 'null', 'note', 'once', '2026-01-01'])('%s is the same to everyone', (word) => {
  expect(told(`a: ${word}`)).toEqual([]);
});

test('keys are words too', () => {
  expect(told('on: 1')[0]).toContain('"on" without quotes');
});

test('anchors are copied, so that a change in one place stays there', () => {
  const read = readYaml('a: &x {b: [1]}\nc: *x\nd: {<<: *x, e: 2}', 'm.yaml');
  if (!read.ok) throw new Error(read.problems[0]?.message);
  const value = read.value as { a: { b: number[] }; c: { b: number[] }; d: unknown };
  expect(value).toEqual({ a: { b: [1] }, c: { b: [1] }, d: { b: [1], e: 2 } });
  value.a.b.push(2);
  expect(value.c.b).toEqual([1]);
});

test('an alias without an anchor, and one that holds itself', () => {
  expect(told('a: 1\nb: *c')).toEqual([
    'm.yaml:2:4: the alias *c has no anchor &c before it. Name an anchor that stands earlier in the file.',
  ]);
  expect(told('a: &a [*a]')).toHaveLength(1);
});

test('what would grow without end', () => {
  const levels = Array.from({ length: 30 }, (_, level) => `l${level}: &l${level} [*l${level - 1}, *l${level - 1}]`);
  expect(told(['l-1: &l-1 [x]', ...levels].join('\n'))).toHaveLength(1);
  expect(told('['.repeat(100_000))[0]).toContain('m.yaml');
  expect(told(`${'['.repeat(70)}${']'.repeat(70)}`)[0]).toContain('nested deeper than 64 levels');
  expect(told(`a: ${'x'.repeat(1024 * 1024)}`)[0]).toContain('is larger than 1 MiB');
});

test('places are found through aliases, and the nearest one where a path ends early', () => {
  const read = readYaml('a: &x\n  b: [1, 2]\nc: *x\n', 'm.yaml');
  if (!read.ok) throw new Error(read.problems[0]?.message);
  expect(read.locate(['a', 'b', 1])).toEqual({ file: 'm.yaml', line: 2, column: 10 });
  expect(read.locate(['c', 'b'])).toEqual({ file: 'm.yaml', line: 2, column: 3 });
  expect(read.locate(['a', 'nothing', 'here'])).toEqual({ file: 'm.yaml', line: 1, column: 1 });
});
