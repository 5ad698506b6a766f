import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connect } from '../../src/queue/connection.ts';
import type { DatasetReport, RunReport } from '../../src/run/report.ts';
import { type CoresignalDouble, startCoresignal } from '../servers/coresignal/double.ts';
import { startTcpRedis } from '../servers/redis.ts';
import { ask, jobpulse, root, temporaryFolder } from './harness.ts';

const manifest = join(root, 'examples', 'coresignal', 'pipeline.yaml');

const withDouble = async (postings: number, work: (double: CoresignalDouble, dataDir: string) => Promise<void>) => {
  // All postings are of last year: what is added later is in windows of its own.
  const double = await startCoresignal({ seed: 3, postings, everyMinutes: 1 });
  try {
    await work(double, temporaryFolder());
  } finally {
    await double.close();
  }
};

const fast = [
  '--set',
  'spec.datasets[0].extract.limits.rate.requests=1000',
  '--set',
  'spec.datasets[1].extract.limits.rate.requests=1000',
];

async function run(
  double: CoresignalDouble,
  dataDir: string,
  more: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<{ report: RunReport; jobs: DatasetReport; details: DatasetReport }> {
  const at = [0, 1].flatMap((index) => ['--set', `spec.datasets[${index}].extract.rest.baseUrl=${double.url}`]);
  const args = ['run', manifest, '--data-dir', dataDir, '-o', 'json', ...at, ...fast, ...more];
  const { code, stdout, stderr } = await jobpulse(args, { CORESIGNAL_API_KEY: double.key, ...env });
  if (code !== 0) throw new Error(`exit ${code}\n${stdout}\n${stderr}`);
  const report = JSON.parse(stdout) as RunReport;
  const [jobs, details] = report.datasets;
  if (!jobs || !details) throw new Error('two datasets');
  return { report, jobs, details };
}

const tables = (dataDir: string) =>
  ask(
    dataDir,
    `SELECT (SELECT count(*) FROM coresignal.jobs)::INTEGER AS jobs, (SELECT count(*) FROM coresignal.jobdetails)::INTEGER AS details,
            (SELECT count(DISTINCT job_id) FROM coresignal.jobdetails)::INTEGER AS ids,
            (SELECT count(*) FROM coresignal.production_jobs)::INTEGER AS production`,
  );

const reasons = ({ why }: RunReport): readonly string[] => why.map(({ reason }) => reason);

describe('the coresignal example against the double', () => {
  test(
    'collects each id once, and again only what is new or has changed; Redis may be lost in between',
    () =>
      withDouble(60, async (double, dataDir) => {
        const redis = await startTcpRedis([]);
        const env = { REDIS_URL: `redis://127.0.0.1:${redis.port}` };
        const lost = double.found().slice(3, 5);
        double.lose(lost);
        const first = await run(double, dataDir, [], env);
        expect(first.report).toMatchObject({ status: 'Succeeded', conserved: true });
        expect(first.details).toMatchObject({
          listed: 60,
          fetched: 58,
          gone: 2,
          deferred: 0,
          skippedKnown: 0,
          credits: 58,
        });
        expect(double.ledger().credits.spent).toBe(58);
        const [rows] = await tables(dataDir);
        expect(rows).toMatchObject({ jobs: 60, details: first.details.clean, ids: first.details.clean });
        expect(rows?.production).toBe(first.details.clean);

        const commands = connect({ url: env.REDIS_URL });
        await commands.flushall();
        commands.disconnect();
        const second = await run(double, dataDir, [], env);
        expect(second.details).toMatchObject({ listed: 60, skippedKnown: 60, fetched: 0, credits: 0, requests: 0 });
        expect(reasons(second.report)).toContain('NothingNew');
        expect(double.ledger().credits.spent).toBe(58);

        // Within the hour that is asked for a second time.
        const lately = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 60_000).toISOString();
        const added = double.add(3, lately);
        const third = await run(double, dataDir, [], env);
        expect(third.details).toMatchObject({ fetched: 3, skippedKnown: 60, credits: 3 });
        expect(Object.keys(double.ledger().paid)).toEqual(expect.arrayContaining(added.map(String)));
        expect(Object.values(double.ledger().paid).every((times) => times === 1)).toBe(true);
        await redis.stop();
      }),
    240_000,
  );

  test(
    'spends no more than the budget in a period; the rest is collected in the next ones',
    () =>
      withDouble(120, async (double, dataDir) => {
        const periodMs = 60_000;
        const budget = [
          '--set',
          'spec.datasets[1].extract.credits.budget=50',
          '--set',
          'spec.datasets[1].extract.credits.period=1m',
        ];
        await sleep(periodMs - (Date.now() % periodMs)); // at the beginning of a period
        const first = await run(double, dataDir, budget);
        expect(first.report).toMatchObject({ status: 'Succeeded', conserved: true });
        expect(first.details).toMatchObject({ listed: 120, fetched: 50, deferred: 70, credits: 50 });
        expect(reasons(first.report)).toContain('BudgetSpent');
        const again = await run(double, dataDir, budget);
        expect(again.details).toMatchObject({ fetched: 0, skippedKnown: 50, deferred: 70, credits: 0 });
        expect(double.ledger().credits.spent).toBe(50);
        await sleep(periodMs - (Date.now() % periodMs));
        const next = await run(double, dataDir, budget);
        expect(next.details).toMatchObject({ fetched: 50, skippedKnown: 50, deferred: 20 });
        expect(double.ledger().credits.spent).toBe(100);
        expect(Object.values(double.ledger().paid).every((times) => times === 1)).toBe(true);
      }),
    300_000,
  );

  test(
    'defers what the account at the source does not cover, and collects it when there are credits again',
    () =>
      withDouble(30, async (double, dataDir) => {
        double.setCredits(10);
        const fiveByFive = ['--set', 'spec.datasets[1].extract.rest.forEach.chunk=5'];
        const first = await run(double, dataDir, fiveByFive);
        expect(first.report).toMatchObject({ status: 'Succeeded', conserved: true });
        expect(first.details).toMatchObject({ listed: 30, fetched: 10, deferred: 20, credits: 10 });
        expect(reasons(first.report)).toContain('BudgetSpent');
        const second = await run(double, dataDir, fiveByFive);
        expect(second.details).toMatchObject({ fetched: 0, skippedKnown: 10, deferred: 20, credits: 0 });
        expect(second.report.why.map(({ message }) => message).join()).toContain('Insufficient credits');
        // Of the four steps those that were under way when the first was refused ask once, the others not at all.
        expect(second.details.requests).toBeLessThanOrEqual(4);
        double.setCredits(100);
        const third = await run(double, dataDir, fiveByFive);
        expect(third.details).toMatchObject({ fetched: 20, skippedKnown: 10, deferred: 0 });
      }),
    300_000,
  );
});
