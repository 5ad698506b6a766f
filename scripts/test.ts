/**
 * `npm test`: all tests, or those named as arguments; ends with how many were skipped, passed and failed.
 * With `CI=true` it first builds the Kubernetes and the other programs that some of them need, and as root installs what
 * a node needs, and PostgreSQL.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { buildGoProgram, findGoProgram, type GoProgram, goPrograms } from '../test/servers/goPrograms.ts';
import { findKubernetes } from '../test/servers/kubernetes/binaries.ts';
import { BuildError, buildKubernetes, buildNode } from '../test/servers/kubernetes/build.ts';
import { isNodeBuilt, missingPackages, unfit } from '../test/servers/kubernetes/nodeBinaries.ts';
import { findPostgres } from '../test/servers/postgres.ts';

interface Assertion {
  readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled';
  readonly fullName: string;
  readonly failureMessages?: readonly string[];
}
interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
  readonly testResults: readonly { readonly name: string; readonly assertionResults: readonly Assertion[] }[];
}

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-'));
const output = join(folder, 'results.json');
const vitest = join(root, 'node_modules', '.bin', 'vitest');
if (process.env.CI === 'true') {
  await provideKubernetes();
  await provideGoPrograms();
  providePostgres();
}
const run = spawnSync(
  vitest,
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`, ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, UV_THREADPOOL_SIZE: '16' } },
);
const results = JSON.parse(readFileSync(output, 'utf8')) as Results;
rmSync(folder, { recursive: true, force: true });

// What failed is told again at the end, where whoever has only the last lines sees it.
for (const { name, assertionResults } of results.testResults) {
  for (const { fullName, failureMessages } of assertionResults.filter(({ status }) => status === 'failed')) {
    console.log(`failed: ${relative(root, name)}: ${fullName}: ${failureMessages?.[0]?.split('\n')[0] ?? ''}`);
  }
}
const skipped = results.testResults
  .flatMap(({ assertionResults }) => assertionResults)
  .filter(({ status }) => status !== 'passed' && status !== 'failed');
for (const { fullName } of skipped) console.log(`skipped: ${fullName}`);
// A file that could not even be loaded has no tests of its own to count.
const brokenFiles = results.testResults.filter(({ assertionResults }) => assertionResults.length === 0).length;
const failed = results.numFailedTests + (results.success ? 0 : brokenFiles);
console.log(`${skipped.length} skipped`);
console.log(`${results.numPassedTests} passed, ${failed} failed`);
process.exit(run.status === 0 && failed === 0 ? 0 : 1);

async function provideKubernetes(): Promise<void> {
  const files = filesToRun();
  const wantsNode = unfit() === undefined && anyUses(files, /describeWithNode/);
  const wantsKubernetes = wantsNode || anyUses(files, /describeWithKubernetes|findKubernetes/);
  try {
    if (wantsNode) await provideNode();
    else if (wantsKubernetes && findKubernetes() === undefined) {
      console.log('Building Kubernetes for the tests; this takes 3 to 8 minutes, once.');
      await buildKubernetes();
    }
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    // The tests that need it are skipped, and counted as such.
    console.error(error.message);
  }
}

async function provideNode(): Promise<void> {
  const packages = missingPackages();
  if (packages.length > 0) installPackages(packages);
  if (isNodeBuilt()) return;
  console.log('Building Kubernetes and a node of it for the tests; this takes 5 to 12 minutes, once.');
  await buildNode();
}

async function provideGoPrograms(): Promise<void> {
  const files = filesToRun();
  for (const program of Object.keys(goPrograms) as GoProgram[]) {
    const isUsed = anyUses(files, new RegExp(`describeWithGoProgram\\('${program}'`));
    if (!isUsed || findGoProgram(program) !== undefined) continue;
    console.log(`Building ${program} for the tests; this takes about ${goPrograms[program].minutes} minutes, once.`);
    // The tests that need it are skipped, and counted as such.
    await buildGoProgram(program).catch((error: Error) => console.error(`${program}: ${error.message}`));
  }
}

/** Where it cannot be installed, the tests that need it are skipped, and counted as such. */
function providePostgres(): void {
  const isUsed = anyUses(filesToRun(), /describeWithPostgres|onPostgres|onEveryWarehouse/);
  if (isUsed && findPostgres() === undefined && process.getuid?.() === 0) installPackages(['postgresql']);
}

/** Installs packages of Debian. */
function installPackages(packages: readonly string[]): void {
  spawnSync('apt-get', ['update'], { stdio: 'ignore' }); // lists may be missing or old
  // A server that is installed is not to be started beside those of the tests.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  spawnSync('apt-get', ['install', '--yes', '--no-install-recommends', ...packages], { stdio: 'inherit', env });
}

function filesToRun(): readonly string[] {
  const list = spawnSync(vitest, ['list', '--filesOnly', ...process.argv.slice(2)], { cwd: root, encoding: 'utf8' });
  return list.stdout.split('\n').filter((line) => line.endsWith('.test.ts'));
}

/** Whether one of the test files uses something. */
function anyUses(files: readonly string[], what: RegExp): boolean {
  return files.some((file) => what.test(readFileSync(join(root, file), 'utf8')));
}
