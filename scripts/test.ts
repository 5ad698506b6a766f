/**
 * `npm test`: all tests, or those named as arguments; ends with how many were skipped, passed and failed.
 * With `CI=true` it first builds the Kubernetes that some of them need.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKubernetes } from '../test/servers/kubernetes/binaries.ts';
import { BuildError, buildKubernetes } from '../test/servers/kubernetes/build.ts';

interface Assertion {
  readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled';
  readonly fullName: string;
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
if (process.env.CI === 'true' && findKubernetes() === undefined && kubernetesIsNeeded()) {
  console.log('Building Kubernetes for the tests; this takes 3 to 8 minutes, once.');
  await buildKubernetes().catch((error: unknown) => {
    if (!(error instanceof BuildError)) throw error;
    // The tests that need it are skipped, and counted as such.
    console.error(error.message);
  });
}
const run = spawnSync(
  vitest,
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${output}`, ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit', env: { ...process.env, UV_THREADPOOL_SIZE: '16' } },
);
const results = JSON.parse(readFileSync(output, 'utf8')) as Results;
rmSync(folder, { recursive: true, force: true });

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

/** Whether one of the test files that will run uses a Kubernetes API. */
function kubernetesIsNeeded(): boolean {
  const list = spawnSync(vitest, ['list', '--filesOnly', ...process.argv.slice(2)], { cwd: root, encoding: 'utf8' });
  const files = list.stdout.split('\n').filter((line) => line.endsWith('.test.ts'));
  return files.some((file) => /describeWithKubernetes|findKubernetes/.test(readFileSync(join(root, file), 'utf8')));
}
