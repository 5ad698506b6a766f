import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from '../../src/controller/standalone/folders.ts';

/**
 * Prometheus' own checker of rules: from PATH or the cache. With `CI=true` on Debian or Ubuntu it is unpacked into the
 * cache, which needs no root and installs nothing.
 */
export function findPromtool(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const kept = join(cacheFolder(env), 'promtool', 'promtool');
  const known = [...(env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'promtool')), kept];
  const found = known.find((path) => existsSync(path));
  return found ?? (env.CI === 'true' && existsSync('/usr/bin/apt-get') ? unpack(kept) : undefined);
}

/** Told with the tests that are skipped without it. */
export const howToGetPromtool = 'needs promtool: `CI=true npm test -- test/observability` unpacks it';

function unpack(target: string): string | undefined {
  const root = join(target, '..');
  mkdirSync(root, { recursive: true });
  const work = mkdtempSync(join(root, '.unpacking-'));
  try {
    const run = (program: string, args: readonly string[]) =>
      execFileSync(program, args, { cwd: work, stdio: 'pipe', timeout: 120_000 });
    if (!download(run, work)) return undefined;
    const [deb] = readdirSync(work).filter((name) => name.endsWith('.deb'));
    if (deb === undefined) return undefined;
    run('dpkg-deb', ['-x', deb, 'files']);
    renameSync(join(work, 'files', 'usr', 'bin', 'promtool'), target);
    return target;
  } catch {
    return undefined; // no network, no such package: the tests that need it are skipped, and counted
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** With the machine's package lists, or else with lists of its own. */
function download(run: (program: string, args: readonly string[]) => void, work: string): boolean {
  const common = ['-q', '-o', 'APT::Sandbox::User=root', '-o', 'Debug::NoLocking=1', '-o', 'Acquire::Retries=1'];
  const lists = join(work, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  const own = ['-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache=${work}`];
  const tries = [() => run('apt-get', [...common, 'download', 'prometheus'])];
  tries.push(() => {
    run('apt-get', [...common, ...own, 'update']);
    run('apt-get', [...common, ...own, 'download', 'prometheus']);
  });
  return tries.some((attempt) => {
    try {
      attempt();
      return true;
    } catch {
      return false;
    }
  });
}
