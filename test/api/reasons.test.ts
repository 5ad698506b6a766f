import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reasons } from '../../src/api/reasons.ts';

const root = join(import.meta.dirname, '..', '..');

test('every reason that the code gives is documented', () => {
  const given = globSync('src/**/*.ts', { cwd: root }).flatMap((path) => {
    const source = readFileSync(join(root, path), 'utf8');
    return [...source.matchAll(/(?:TerminalError\(\s*|\breason: )'(\w+)'/g)].map(([, reason]) => `${reason}: ${path}`);
  });
  expect(given.length).toBeGreaterThan(10);
  expect(given.filter((line) => !Object.hasOwn(reasons, line.split(':', 1)[0] ?? ''))).toEqual([]);
});
