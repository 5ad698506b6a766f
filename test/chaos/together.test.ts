import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectOwner } from '../../src/controller/standalone/owner-client.ts';
import { ask, type Ended, jobpulse, phasesOf, root, secretsOf, start, usajobsRun } from '../e2e/harness.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';

/** `CHAOS_PAIRS=100` starts more of them, a quarter of an hour's worth on a busy machine. */
const pairs = Number(process.env.CHAOS_PAIRS ?? 40);
/** A pair that takes longer hangs. */
const boundMs = 60_000;

let double: UsajobsDouble;
const folders: string[] = [];

beforeAll(async () => {
  double = await startUsajobs({ seed: 9, postings: 20 });
});
afterAll(async () => {
  await double.close();
  for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'jobpulse-together-'));
  folders.push(path);
  return path;
}

const usajobs = (dataDir: string): string[] => usajobsRun(double, dataDir);
const vacancies = (dataDir: string): string[] => [
  'run',
  join(root, 'examples', 'vacancies', 'pipeline.yaml'),
  ...['--data-dir', dataDir, '-o', 'json'],
];

/** Two commands, started one after the other; `undefined` for one that did not end in time. */
async function pair(commands: readonly string[][], delayMs: number): Promise<readonly (Ended | undefined)[]> {
  const late = new AbortController();
  const bound = sleep(boundMs, undefined, { signal: late.signal }).catch(() => undefined);
  const ended = commands.map(async (args, at) => {
    await sleep(at * delayMs);
    const { child, ended: end } = start(args, secretsOf(double));
    const outcome = await Promise.race([end, bound]);
    if (!outcome) child.kill('SIGKILL');
    return outcome;
  });
  const outcomes = await Promise.all(ended);
  late.abort();
  return outcomes;
}

/** The rows of a table, whoever loaded them. */
async function tableOf(dataDir: string, table: string, key: string): Promise<unknown> {
  const [rows] = await ask(
    dataDir,
    `SELECT count(*)::INTEGER AS rows, count(DISTINCT ${key})::INTEGER AS keys,
            md5(string_agg(_row_hash, ',' ORDER BY ${key})) AS hash
     FROM ${table} WHERE _removed_at IS NULL`,
  );
  return rows;
}

const postingsOf = (dataDir: string) => tableOf(dataDir, 'usajobs.postings', 'matched_object_id');
const offersOf = (dataDir: string) => tableOf(dataDir, 'vacancies.offers', 'code');

const share = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

test(`${pairs} pairs of runs on one data directory: none hangs, and the tables are right`, {
  timeout: pairs * boundMs,
}, async () => {
  const alone = await folder();
  for (const args of [usajobs(alone), vacancies(alone)]) await jobpulse(args, secretsOf(double));
  const expected = { postings: await postingsOf(alone), offers: await offersOf(alone) };
  const seconds: number[] = [];
  for (let at = 0; at < pairs; at += 1) {
    const dataDir = await folder();
    const same = at % 2 === 0;
    // Half of them start at once; the others while the first starts, works, ends and is gone.
    const delayMs = at % 4 < 2 ? 0 : ((at * 37) % 100) * 30;
    const startedAt = performance.now();
    const outcomes = await pair([usajobs(dataDir), same ? usajobs(dataDir) : vacancies(dataDir)], delayMs);
    seconds.push((performance.now() - startedAt) / 1000);
    const told = `pair ${at}, ${delayMs} ms apart: ${JSON.stringify(outcomes, null, 1)}`;
    expect(
      outcomes.map((outcome) => [0, 3].includes(outcome?.code ?? -1)),
      told,
    ).toEqual([true, true]);
    expect(await phasesOf(dataDir), told).toEqual(['Succeeded', 'Succeeded']);
    expect(await postingsOf(dataDir), told).toEqual(expected.postings);
    if (!same) expect(await offersOf(dataDir), told).toEqual(expected.offers);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
  }
  const sorted = seconds.toSorted((a, b) => a - b);
  const figures = [0, 0.5, 0.9, 0.99, 1].map((part) => share(sorted, part).toFixed(1)).join(', ');
  console.log(
    `${pairs} pairs in ${sorted.reduce((a, b) => a + b, 0).toFixed(0)} s; least, median, p90, p99, most: ${figures}`,
  );
});

/** Starts a command and waits until it owns its data directory. */
async function startOwner(dataDir: string, args: readonly string[], env: NodeJS.ProcessEnv) {
  const owner = start(args, env);
  while (!(await connectOwner(dataDir).catch(() => undefined))) await sleep(10);
  return owner;
}

test('a command whose secrets the owner does not have waits for its turn, and says so', async () => {
  const dataDir = await folder();
  const owner = await startOwner(dataDir, vacancies(dataDir), {});
  const asText = usajobs(dataDir).filter((arg) => arg !== '-o' && arg !== 'json');
  const second = await start(asText, secretsOf(double)).ended;
  expect((await owner.ended).code).toBe(0);
  expect([0, 3], second.stderr).toContain(second.code);
  expect(second.stderr).toContain('usajobs: waits for it to end: process ');
  expect(second.stderr).toContain('it has no secret usajobs, key api-key');
  expect(await phasesOf(dataDir)).toEqual(['Succeeded', 'Succeeded']);
});

test('a command that must not reach private networks is not done by an owner that may', async () => {
  const dataDir = await folder();
  const asked = double.ledger().requests.length;
  const owner = await startOwner(dataDir, vacancies(dataDir), secretsOf(double));
  const second = await start([...usajobs(dataDir), '--no-allow-private-networks'], secretsOf(double)).ended;
  expect((await owner.ended).code).toBe(0);
  expect(second.code, second.stderr).not.toBe(0);
  expect(double.ledger().requests).toHaveLength(asked);
});
