import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '../../src/run/report.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import type { Fault } from '../servers/usajobs/faults.ts';
import {
  ask,
  type Ended,
  filesWith,
  jobpulse,
  onlyDataset,
  runUsajobs,
  secretsOf,
  temporaryFolder,
  usajobsManifest,
  usajobsRun,
} from './harness.ts';

let double: UsajobsDouble;
beforeAll(async () => {
  double = await startUsajobs({ seed: 3, postings: 60 });
});
afterAll(() => double.close());

const manifest = readFileSync(usajobsManifest, 'utf8');

/** The usajobs manifest with one thing wrong. */
function spoilt(from: string | RegExp, to: string): string {
  const text = manifest.replace(from, to);
  if (text === manifest) throw new Error(`the example has no ${from}`);
  const file = join(temporaryFolder(), 'pipeline.yaml');
  writeFileSync(file, text);
  return file;
}

describe('a manifest that is not valid ends with exit code 2, a place and what to do, before anything is started', () => {
  test.each([
    ['malformed YAML', 'kind: Pipeline', 'kind: [Pipeline', /pipeline\.yaml:\d+:\d+/],
    [
      'an unknown field',
      'maxMissingPercent:',
      'maxMisingPercent:',
      /maxMisingPercent: unknown field.*maxMissingPercent/,
    ],
    ['a wrong type', 'maxPages: 1000', 'maxPages: many', /paging\.maxPages/],
    [
      'a part that is not built',
      'json: {records: "$.SearchResult.SearchResultItems[*]"}',
      'parquet: {}',
      /parquet.*not built yet/,
    ],
    [
      'a column that SQL does not find',
      'annual_pay(min_pay, pay_interval)',
      'annual_pay(min_pai, pay_interval)',
      /min_pai/,
    ],
    ['a model that reads a file', 'FROM postings', "FROM read_csv('/etc/passwd')", /read_csv/],
    ['an unknown table', 'FROM postings', 'FROM posting', /posting\b.*postings/],
  ])('%s', async (_, from, to, message) => {
    const dataDir = temporaryFolder();
    const ended = await jobpulse(['run', spoilt(from, to), '--data-dir', dataDir], secretsOf(double));
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('a secret that is missing', async () => {
    const ended = await jobpulse(usajobsRun(double, temporaryFolder()), {});
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toContain('USAJOBS_API_KEY');
  });
});

describe('a source that misbehaves ends the run with a reason and loses nothing', () => {
  const whys = ({ stdout }: Ended) => (JSON.parse(stdout) as RunReport).why;
  const always = 1000;

  test.each<[string, Fault, string, RegExp]>([
    ['refuses the key', { kind: 'Status', status: 401 }, 'Unauthorized', /secret|usajobs/i],
    ['answers with a page of HTML', { kind: 'Html' }, 'NotJson', /text\/html/],
  ])('%s', async (_, fault, reason, message) => {
    const dataDir = temporaryFolder();
    double.reset();
    double.fail(always, fault);
    const ended = await jobpulse(usajobsRun(double, dataDir), secretsOf(double));
    expect(ended.code).toBe(1);
    expect(whys(ended)).toContainEqual(expect.objectContaining({ reason, message: expect.stringMatching(message) }));
    double.reset();
    expect(onlyDataset(await runUsajobs(double, dataDir)).read).toBe(double.found().length);
  });

  test('a body that breaks off, a 503 and a 429 are asked for again', async () => {
    double.reset();
    double.fail(1, { kind: 'Cut' });
    double.fail(1, { kind: 'Status', status: 503 });
    double.fail(1, { kind: 'Status', status: 429, retryAfter: '1' });
    const report = onlyDataset(await runUsajobs(double, temporaryFolder()));
    expect(report.read).toBe(double.found().length);
  });

  test('a page that repeats for ever ends, and what was loaded before stays', async () => {
    const dataDir = temporaryFolder();
    double.reset();
    const { clean } = onlyDataset(await runUsajobs(double, dataDir));
    double.behave({ repeat: 'Endless' });
    const small = ['--set', 'spec.datasets[0].extract.rest.paging.page.size=20'];
    const ended = await jobpulse(usajobsRun(double, dataDir, ...small), secretsOf(double));
    double.reset();
    expect(ended.code).toBe(1);
    expect(whys(ended).map(({ reason }) => reason)).toContain('PagesRepeat');
    expect(await ask(dataDir, 'SELECT count(*)::INTEGER AS n FROM usajobs.postings WHERE _removed_at IS NULL')).toEqual(
      [{ n: clean }],
    );
  });

  test('nobody there: exit code 4', { timeout: 240_000 }, async () => {
    const ended = await jobpulse(usajobsRun({ url: 'http://127.0.0.1:9' }, temporaryFolder()), secretsOf(double));
    expect(ended.code).toBe(4);
    expect(whys(ended)[0]?.reason).toBe('SourceUnreachable');
  });
});

test('a stray quote in a CSV costs its own row, which is in quarantine with its line', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'jobs.csv'), 'Id,Title\n1,Clerk\n2,"Cook\n3,Nurse\n4,Driver\n');
  writeFileSync(
    join(folder, 'pipeline.yaml'),
    `apiVersion: jobpulse.dev/v1alpha1
kind: Pipeline
metadata: {name: jobs}
spec:
  datasets:
    - name: openings
      key: [id]
      extract: {files: {paths: ["*.csv"]}}
      format: {csv: {}}
      clean: {columns: [{name: id, type: string, from: Id}, {name: title, type: string, from: Title}]}
      load: {mode: Merge}
`,
  );
  const dataDir = temporaryFolder();
  const ended = await jobpulse(['run', join(folder, 'pipeline.yaml'), '--data-dir', dataDir, '-o', 'json']);
  const report = JSON.parse(ended.stdout) as RunReport;
  expect(onlyDataset(report)).toMatchObject({ read: 4, clean: 3, rejected: 1, added: 3 });
  const listed = await jobpulse(['quarantine', 'ls', 'jobs', '--data-dir', dataDir, '-o', 'json']);
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { dataset: 'openings', rows: 1, source: expect.stringMatching(/jobs\.csv#3$/) },
  ]);
});

test('a Redis that is not there is named, with exit code 4', async () => {
  const env = { ...secretsOf(double), REDIS_URL: 'redis://user:not-to-be-shown@127.0.0.1:1/0' };
  const ended = await jobpulse(usajobsRun(double, temporaryFolder()), env);
  expect(ended).toMatchObject({ code: 4, stdout: '' });
  expect(ended.stderr).toContain('127.0.0.1:1');
  expect(ended.stderr).not.toContain('not-to-be-shown');
});

const canMount = process.platform === 'linux' && process.getuid?.() === 0;
test.skipIf(!canMount)(
  'a full disk is told, and with room the run goes through (needs root to mount a small disk)',
  async () => {
    const dataDir = temporaryFolder();
    const lake = join(dataDir, 'lake');
    mkdirSync(lake);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', lake]);
    try {
      double.reset();
      const full = await jobpulse(usajobsRun(double, dataDir), secretsOf(double));
      expect(full.code).toBe(1);
      expect(full.stdout + full.stderr).toMatch(/StoreFull|no space/);
      execFileSync('mount', ['-o', 'remount,size=64m', lake]);
      const report = onlyDataset(await runUsajobs(double, dataDir));
      // Both snapshots are loaded: what was fetched before the disk was full was kept.
      expect(report).toMatchObject({ read: 2 * double.found().length, clean: report.added + report.unchanged });
      expect(await ask(dataDir, 'SELECT count(*)::INTEGER AS n FROM usajobs.postings')).toEqual([{ n: report.added }]);
    } finally {
      execFileSync('umount', [lake]);
    }
  },
);

test('a planted secret is nowhere in the data directory, in what is printed or in the metrics', async () => {
  const canary = 'canary-4f1c9a7d-key';
  const agent = 'canary-agent-77@example.org';
  const guarded = await startUsajobs({ seed: 5, postings: 30, key: canary, agent });
  const dataDir = temporaryFolder();
  try {
    const metrics = join(dataDir, 'metrics.prom');
    const env = { ...secretsOf(guarded), LOG_LEVEL: 'trace' };
    const good = await jobpulse(usajobsRun(guarded, dataDir, '--metrics-file', metrics), env);
    expect([0, 3]).toContain(good.code);
    guarded.fail(1000, { kind: 'Status', status: 400 });
    const bad = await jobpulse(usajobsRun(guarded, dataDir), env);
    expect(bad.code).toBe(1);
    for (const secret of [canary, agent]) {
      for (const text of [good.stdout, good.stderr, bad.stdout, bad.stderr]) expect(text).not.toContain(secret);
      expect(filesWith(dataDir, secret)).toEqual([]);
    }
  } finally {
    await guarded.close();
  }
});
