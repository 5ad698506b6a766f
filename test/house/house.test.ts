import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);
const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

test('types hold', () => {
  // Several checkers check much twice: one takes a third of their processor time.
  const { stdout, status } = spawnSync(bin('tsc'), ['--noEmit', '--singleThreaded'], { cwd: root, encoding: 'utf8' });
  expect(stdout).toBe('');
  expect(status).toBe(0);
});

test('lint and format are clean', () => {
  const { stdout, stderr, status } = spawnSync(bin('biome'), ['check', '--error-on-warnings', '.'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(status, stdout + stderr).toBe(0);
});

/** Types that are made from schemas; nobody reads them at once. */
const isGenerated = (path: string) => /^cdk8s\/imports\/(jobpulse\.dev|values)\.ts$/.test(path);

test('files stay small enough to read at once', () => {
  const long = tracked
    .filter((path) => /^(src|scripts|bench|cdk8s)\/.*\.ts$/.test(path) && !isGenerated(path))
    .map((path) => [path, read(path).split('\n').length] as const)
    .filter(([, lines]) => lines > 300);
  expect(long).toEqual([]);
});

test('the lock file names packages, not the places they came from', () => {
  expect(read('package-lock.json')).not.toContain('"resolved"');
});

test('every room of src has a line in CONTRIBUTING', () => {
  const rooms = new Set(tracked.flatMap((path) => /^src\/([a-z]+)\//.exec(path)?.[1] ?? []));
  const map = read('CONTRIBUTING.md');
  expect([...rooms].filter((room) => !map.includes(`src/${room}`))).toEqual([]);
});

test('no test is focused or left out without a reason', () => {
  // Tests that need something the machine may not have are skipped by skipIf, and `npm test` lists them.
  const bad = tracked.filter(
    (path) => path.startsWith('test/') && /\b(it|test|describe)\.(only|todo|skip)\(/.test(read(path)),
  );
  expect(bad.filter((path) => !path.startsWith('test/house'))).toEqual([]);
});
