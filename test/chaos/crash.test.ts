import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { socketPath } from '../../src/controller/standalone/folders.ts';
import type { RunReport } from '../../src/run/report.ts';
import { ask, onlyDataset, runUsajobs, secretsOf, start, temporaryFolder, usajobsRun } from '../e2e/harness.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';

/** Small pages make many raw puts; a slow source makes steps long enough for their leases to be renewed. */
const small = [
  '--set',
  'spec.datasets[0].extract.rest.paging.page.size=60',
  '--set',
  'spec.datasets[0].extract.limits.rate.requests=1000',
];
const kills = 5;

const points = [
  { name: 'after-raw-put', latencyMs: 0 },
  { name: 'after-clean-files', latencyMs: 0 },
  { name: 'after-warehouse-commit', latencyMs: 0 },
  { name: 'in-lease-renewal', latencyMs: 1700 },
  { name: 'in-report', latencyMs: 0 },
] as const;

let double: UsajobsDouble;
let undisturbed: { readonly report: RunReport; readonly rows: string };
const histogram: string[] = [];

beforeAll(async () => {
  double = await startUsajobs({ seed: 11, postings: 742 });
});
afterAll(async () => {
  await double.close();
  console.log(['kills by crash point:', ...histogram].join('\n  '));
});

/** What must be the same whatever happened on the way. */
function essence(report: RunReport) {
  const { seconds: _, ...dataset } = onlyDataset(report);
  const models = report.models.map(({ seconds: __, ...model }) => model);
  return { status: report.status, conserved: report.conserved, dataset, models };
}

const hashOf = async (dataDir: string): Promise<string> => {
  const [row] = await ask(
    dataDir,
    `SELECT md5(string_agg(_row_hash, ',' ORDER BY matched_object_id)) AS hash FROM usajobs.postings`,
  );
  return String(row?.hash);
};

async function reference(): Promise<typeof undisturbed> {
  const dataDir = temporaryFolder();
  const report = await runUsajobs(double, dataDir, ...small);
  return { report, rows: await hashOf(dataDir) };
}

/** A folder with a file for each death that is to come. */
function deaths(dataDir: string, count: number): string {
  const folder = join(dataDir, 'deaths');
  mkdirSync(folder);
  for (let at = 0; at < count; at += 1) writeFileSync(join(folder, String(at)), '');
  return folder;
}

/** Empties the Redis of a data directory each time a death has happened. */
async function flushAtEachDeath(dataDir: string, folder: string, signal: AbortSignal): Promise<number> {
  let left = readdirSync(folder).length;
  let flushed = 0;
  while (!signal.aborted) {
    await sleep(20);
    const now = readdirSync(folder).length;
    if (now === left) continue;
    left = now;
    const redis = new Redis(socketPath(join(dataDir, 'redis'), 'redis.sock'), {
      retryStrategy: null,
      maxRetriesPerRequest: 0,
    });
    await redis.flushall().then(
      () => {
        flushed += 1;
      },
      () => undefined,
    );
    redis.disconnect();
  }
  return flushed;
}

describe.each(points)('killed with SIGKILL $name', ({ name, latencyMs }) => {
  for (const flush of [false, true]) {
    test(`${kills} times${flush ? ', Redis emptied each time' : ''}: the same rows and counts as undisturbed`, {
      timeout: 400_000,
    }, async () => {
      double.behave({ latencyMs: 0 });
      undisturbed ??= await reference();
      double.behave({ latencyMs });
      const dataDir = temporaryFolder();
      const folder = deaths(dataDir, kills);
      const { ended } = start(usajobsRun(double, dataDir, ...small), {
        ...secretsOf(double),
        JOBPULSE_CRASH: `${name}=${folder}`,
      });
      const over = new AbortController();
      const flushing = flush ? flushAtEachDeath(dataDir, folder, over.signal) : Promise.resolve(0);
      const { code, stdout, stderr } = await ended;
      over.abort();
      expect([0, 3], stdout + stderr).toContain(code);
      const died = kills - readdirSync(folder).length;
      histogram.push(`${name}: ${died} kills, ${await flushing} times Redis emptied`);
      expect(died).toBe(kills);
      expect(essence(JSON.parse(stdout) as RunReport)).toEqual(essence(undisturbed.report));
      expect(await hashOf(dataDir)).toBe(undisturbed.rows);
    });
  }
});

test('the controller itself killed, again and again: the run is gone on with and ends like an undisturbed one', {
  timeout: 300_000,
}, async () => {
  double.behave({ latencyMs: 0 });
  undisturbed ??= await reference();
  double.behave({ latencyMs: 100 });
  const dataDir = temporaryFolder();
  for (let kill = 0; kill < kills; kill += 1) {
    const { child, ended } = start(usajobsRun(double, dataDir, ...small), secretsOf(double));
    await Promise.race([sleep(900 + 350 * kill), ended]);
    child.kill('SIGKILL');
    await ended;
  }
  double.behave({ latencyMs: 0 });
  const report = await runUsajobs(double, dataDir, ...small);
  expect(await hashOf(dataDir)).toBe(undisturbed.rows);
  expect(report.conserved).toBe(true);
});
