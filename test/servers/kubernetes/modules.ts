import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe } from 'vitest';
import { cacheFolder } from '../../../src/controller/standalone/folders.ts';

/** A file or folder of a published Go module: where projects keep the CRDs that they are installed with. */
export interface ModuleFiles {
  readonly module: string;
  /** As tagged: `v1.2.3`. */
  readonly version: string;
  /** The digest of the whole module, as `go.sum` has it: what was fetched is what was looked at. */
  readonly sum: string;
  /** Inside the module. */
  readonly path: string;
}

const fetchWithinMs = 180_000;

/** A path on this machine: from the cache, or fetched into it where there is Go. */
export function findModuleFiles(wanted: ModuleFiles, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const kept = keptAt(wanted, env);
  if (existsSync(kept)) return kept;
  const folder = fetchModule(wanted, env);
  return folder === undefined ? undefined : keep(join(folder, wanted.path), kept, wanted);
}

/** The same, for a test that is skipped where they cannot be had. */
export function moduleFiles(wanted: ModuleFiles): string {
  const found = findModuleFiles(wanted);
  if (found === undefined) throw new Error(`${nameOf(wanted)} is not on this machine: ${howToGetModules}`);
  return found;
}

/** Tests that need files of modules; where they cannot be had, these are counted as skipped, and say how to get them. */
export function describeWithModules(wanted: readonly ModuleFiles[], name: string, tests: () => void): void {
  const missing = wanted.filter((each) => findModuleFiles(each) === undefined).map(nameOf);
  const full = missing.length === 0 ? name : `${name} (needs ${missing.join(', ')}: ${howToGetModules})`;
  describe.skipIf(missing.length > 0)(full, tests);
}

const howToGetModules = 'they are fetched once where `go` is on PATH and reaches a module proxy';

const nameOf = ({ module, version }: ModuleFiles): string => `${module}@${version}`;

const keptAt = (wanted: ModuleFiles, env: NodeJS.ProcessEnv): string =>
  join(cacheFolder(env), 'modules', nameOf(wanted), wanted.path);

/** The folder of Go's own cache that the module is unpacked in; `undefined` without Go, or without a network. */
function fetchModule(wanted: ModuleFiles, env: NodeJS.ProcessEnv): string | undefined {
  let told: string;
  try {
    told = execFileSync('go', ['mod', 'download', '-json', nameOf(wanted)], {
      ...{ cwd: tmpdir(), encoding: 'utf8', stdio: 'pipe', timeout: fetchWithinMs },
      // A module is of no project here, and is fetched as it is, whatever Go it asks to be built with.
      env: { ...env, GOWORK: 'off', GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local' },
    });
  } catch {
    return undefined;
  }
  const { Dir, Sum } = JSON.parse(told) as { readonly Dir: string; readonly Sum: string };
  if (Sum === wanted.sum) return Dir;
  throw new Error(`${nameOf(wanted)} has the digest ${Sum}, and ${wanted.sum} was expected: look at what changed`);
}

/** Copies what is wanted. It gets its name when it is whole: two may fetch at once. */
function keep(source: string, target: string, wanted: ModuleFiles): string {
  if (!existsSync(source)) throw new Error(`${nameOf(wanted)} has no ${wanted.path}`);
  mkdirSync(dirname(target), { recursive: true });
  const work = mkdtempSync(`${dirname(target)}/.fetching-`);
  try {
    cpSync(source, join(work, 'files'), { recursive: true });
    renameSync(join(work, 'files'), target);
  } catch (error) {
    if (!existsSync(target)) throw error; // another one was first
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}
