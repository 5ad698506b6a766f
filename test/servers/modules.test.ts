import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findModuleFiles, type ModuleFiles } from './kubernetes/modules.ts';

/** A small one, without dependencies. */
const license: ModuleFiles = {
  module: 'github.com/google/uuid',
  version: 'v1.6.0',
  sum: 'h1:NIvaJDMOsjHA8n1jAhLSgzrAzy1Hgr+hNrb57e+94F0=',
  path: 'LICENSE',
};

describe('files of Go modules', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-modules-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const cache = (name: string) => ({ XDG_CACHE_HOME: join(folder, name) });
  const keptIn = (name: string) => join(folder, name, 'jobpulse', 'modules', 'github.com', 'google');

  test('come from the cache, and there is nothing to say where there is neither cache nor Go', () => {
    const withoutGo = { ...cache('empty'), PATH: folder };
    expect(findModuleFiles(license, withoutGo)).toBeUndefined();
    const file = join(keptIn('empty'), 'uuid@v1.6.0', 'LICENSE');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, 'kept');
    expect(findModuleFiles(license, withoutGo)).toBe(file);
  });

  const canFetch = findModuleFiles(license) !== undefined;
  describe.skipIf(!canFetch)(canFetch ? 'that are fetched' : 'that are fetched (needs Go and a module proxy)', () => {
    test('are copied whole, and nothing else is left behind', () => {
      const env = { ...process.env, ...cache('fetched') };
      const path = findModuleFiles(license, env) ?? '';
      expect(readFileSync(path, 'utf8')).toContain('Redistribution and use');
      expect(readdirSync(dirname(path))).toEqual(['LICENSE']);
      expect(findModuleFiles({ ...license, path: 'hash.go' }, env)).toBe(join(dirname(path), 'hash.go'));
    });

    test('are refused when the module is not the one that was looked at, or has no such file', () => {
      const env = { ...process.env, ...cache('refused') };
      expect(() => findModuleFiles({ ...license, sum: 'h1:another=' }, env)).toThrow(
        /github.com\/google\/uuid@v1.6.0 has the digest h1:NIva.* and h1:another= was expected/,
      );
      expect(() => findModuleFiles({ ...license, path: 'nothing' }, env)).toThrow(/has no nothing/);
      expect(existsSync(keptIn('refused'))).toBe(false);
    });
  });
});
