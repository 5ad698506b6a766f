import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { cacheFolder } from '../../src/controller/standalone/folders.ts';
import { quickly } from './goBuild.ts';
import { isExecutable } from './kubernetes/binaries.ts';

/** Programs that tests run and no registry has built: `go install` makes each in some minutes. */
export const goPrograms = {
  helm: { version: '4.3.1', package: 'helm.sh/helm/v4/cmd/helm', minutes: 4 },
  'metrics-server': { version: '0.9.0', package: 'sigs.k8s.io/metrics-server/cmd/metrics-server', minutes: 3 },
  versitygw: { version: '1.8.0', package: 'github.com/versity/versitygw/cmd/versitygw', minutes: 2 },
} as const satisfies Readonly<Record<string, { version: string; package: string; minutes: number }>>;
export type GoProgram = keyof typeof goPrograms;

/** Where a built program is kept, for all working copies of this user. */
const folderOf = (program: GoProgram, env: NodeJS.ProcessEnv): string =>
  join(cacheFolder(env), `${program}-${goPrograms[program].version}`);

/** A program, from the cache or `PATH`. */
export function findGoProgram(program: GoProgram, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = [folderOf(program, env), ...(env.PATH ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

/** Builds a program into the cache. It gets its name when it is whole: a build may be killed, and two may run at once. */
export async function buildGoProgram(program: GoProgram, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const { package: source, version } = goPrograms[program];
  const target = folderOf(program, env);
  mkdirSync(dirname(target), { recursive: true });
  const folder = mkdtempSync(join(dirname(target), `building-${program}-`));
  try {
    const settings = { ...quickly.env, GOBIN: folder, CGO_ENABLED: '0', GOFLAGS: '-trimpath' };
    const flags = [...quickly.flags, '-ldflags', '-s -w'];
    await promisify(execFile)('go', ['install', ...flags, `${source}@v${version}`], { env: { ...env, ...settings } });
    mkdirSync(target, { recursive: true });
    renameSync(join(folder, program), join(target, program));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Tests that need a program; where there is none they are counted as skipped, and say how to get it. */
export function describeWithGoProgram(program: GoProgram, name: string, tests: () => void): void {
  const missing = findGoProgram(program) === undefined;
  const how = `\`npm run build:tools\` builds it once, in about ${goPrograms[program].minutes} minutes, with Go`;
  describe.skipIf(missing)(missing ? `${name} (needs ${program}: ${how})` : name, tests);
}
