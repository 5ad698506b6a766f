import { describe, expect, test } from 'vitest';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import {
  ask,
  jobpulse,
  onlyDataset,
  runUsajobs,
  secretsOf,
  temporaryFolder,
  usajobsManifest,
  usajobsRun,
} from './harness.ts';

const withDouble = async (
  work: (double: UsajobsDouble, dataDir: string) => Promise<void>,
  postings = 742,
): Promise<void> => {
  const double = await startUsajobs({ seed: 7, postings });
  try {
    await work(double, temporaryFolder());
  } finally {
    await double.close();
  }
};

describe('the usajobs example against the double', () => {
  test('loads every posting once, typed, with provenance, and its books balance', () =>
    withDouble(async (double, dataDir) => {
      const report = await runUsajobs(double, dataDir);
      const dataset = onlyDataset(report);
      const served = double.found().length;
      expect(report).toMatchObject({ v: 1, pipeline: 'default/usajobs', status: 'Succeeded', conserved: true });
      expect(dataset).toMatchObject({ slices: 1, fetched: served, read: served, modified: 0, unchanged: 0 });
      expect(dataset.requests).toBe(double.ledger().requests.length);
      expect(dataset.added).toBe(dataset.clean);
      expect(dataset.clean + dataset.rejected + dataset.deduplicated + dataset.filtered).toBe(served);
      const [table] = await ask(
        dataDir,
        `SELECT count(*)::INTEGER AS rows, count(DISTINCT matched_object_id)::INTEGER AS ids,
                count(*) FILTER (WHERE _source_uri IS NULL OR _payload_sha256 IS NULL OR _extracted_at IS NULL)::INTEGER AS orphans,
                count(*) FILTER (WHERE _removed_at IS NOT NULL)::INTEGER AS removed
         FROM usajobs.postings`,
      );
      expect(table).toEqual({ rows: dataset.clean, ids: dataset.clean, orphans: 0, removed: 0 });
      const types = await ask(
        dataDir,
        `SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'postings'`,
      );
      const typeOf = Object.fromEntries(types.map(({ column_name, data_type }) => [column_name, data_type]));
      expect(typeOf).toMatchObject({
        matched_object_id: 'VARCHAR',
        position_location: 'VARCHAR[]',
        position_remuneration: 'JSON',
        min_pay: 'DECIMAL(12,2)',
        published_at: 'TIMESTAMP',
        relevance: 'DOUBLE',
        transfer_date: 'DATE',
      });
      expect(report.models).toMatchObject([{ name: 'openings', checks: { failed: 0 }, skipped: false }]);
      expect(report.models[0]?.rows).toBeGreaterThan(0);
    }));

  test('asks the source again, and adds and modifies nothing when nothing changed', () =>
    withDouble(async (double, dataDir) => {
      const first = onlyDataset(await runUsajobs(double, dataDir));
      const before = double.ledger().requests.length;
      const report = await runUsajobs(double, dataDir);
      const second = onlyDataset(report);
      expect(double.ledger().requests.length).toBe(2 * before);
      expect(second).toMatchObject({
        added: 0,
        modified: 0,
        marked: 0,
        unchanged: first.clean,
        rowsHash: first.rowsHash,
      });
      expect(report.models).toMatchObject([{ name: 'openings', skipped: true }]);
    }));

  test('sees a changed pay, a posting that is gone, and distrusts a snapshot that shrank', () =>
    withDouble(async (double, dataDir) => {
      const { clean } = onlyDataset(await runUsajobs(double, dataDir));
      const [changed, gone] = double.found().filter(({ dirt }) => dirt === undefined);
      if (!changed || !gone) throw new Error('the double has no clean postings');
      double.changePay(changed.id, 120_000, 180_000);
      expect(onlyDataset(await runUsajobs(double, dataDir))).toMatchObject({
        added: 0,
        modified: 1,
        unchanged: clean - 1,
      });

      double.remove(gone.id);
      expect(onlyDataset(await runUsajobs(double, dataDir))).toMatchObject({ marked: 1, unchanged: clean - 1 });
      const removed = await ask(
        dataDir,
        'SELECT matched_object_id AS id FROM usajobs.postings WHERE _removed_at IS NOT NULL',
      );
      expect(removed).toEqual([{ id: gone.id }]);

      for (const half of ['Honest', 'Shrunken'] as const) {
        double.behave({ half });
        const report = await runUsajobs(double, dataDir);
        expect(onlyDataset(report)).toMatchObject({ marked: 0, deleted: 0 });
        expect(report.why.map(({ reason }) => reason)).toContain('SnapshotShrank');
      }
      const [count] = await ask(
        dataDir,
        'SELECT count(*)::INTEGER AS rows FROM usajobs.postings WHERE _removed_at IS NULL',
      );
      expect(count).toEqual({ rows: clean - 1 });
    }));

  test('re-cleans from raw when a rule changes: the plan says 0 requests, and the ledger of the double agrees', () =>
    withDouble(async (double, dataDir) => {
      await runUsajobs(double, dataDir);
      const before = double.ledger().requests.length;
      const rule = ['--set', 'spec.datasets[0].clean.columns[2].case=Upper', '--from', 'Clean'];
      const base = ['--set', `spec.datasets[0].extract.rest.baseUrl=${double.url}`, '--data-dir', dataDir];
      const plan = await jobpulse(['plan', usajobsManifest, ...base, ...rule], {});
      expect(plan.stdout).toContain('0 requests');
      expect(plan.stdout).toMatch(/re-clean 1 slices from \d+ bytes/);
      const report = onlyDataset(await runUsajobs(double, dataDir, ...rule));
      expect(report).toMatchObject({ requests: 0, slices: 1 });
      expect(report.modified).toBeGreaterThan(0);
      expect(double.ledger().requests.length).toBe(before);
      const [lower] = await ask(
        dataDir,
        'SELECT count(*)::INTEGER AS n FROM usajobs.postings WHERE position_title <> upper(position_title)',
      );
      expect(lower).toEqual({ n: 0 });
    }));

  test('takes parameters from the command line, and another search is another snapshot', () =>
    withDouble(async (double, dataDir) => {
      await runUsajobs(double, dataDir);
      const report = onlyDataset(
        await runUsajobs(
          double,
          dataDir,
          '--param',
          'keyword=gardening',
          '--param',
          'location=',
          '--param',
          'minPay=0',
        ),
      );
      expect(double.ledger().requests.at(-1)?.params).toMatchObject({ Keyword: 'gardening' });
      expect(report.marked).toBe(0);
    }));

  test('fills the new warehouse when the old file is gone, without asking the source for history', () =>
    withDouble(async (double, dataDir) => {
      const first = onlyDataset(await runUsajobs(double, dataDir));
      const { rmSync } = await import('node:fs');
      rmSync(`${dataDir}/warehouse.duckdb`);
      const before = double.ledger().requests.length;
      const report = onlyDataset(await runUsajobs(double, dataDir, '--from', 'Load'));
      expect(double.ledger().requests.length).toBe(before);
      expect(report.rowsHash).toBe(first.rowsHash);
    }, 200));

  test('says in words that a second run changed nothing', () =>
    withDouble(async (double, dataDir) => {
      const args = usajobsRun(double, dataDir).filter((arg) => arg !== '-o' && arg !== 'json');
      await jobpulse(args, secretsOf(double));
      const { stdout } = await jobpulse(args, secretsOf(double));
      expect(stdout).toMatch(/usajobs\/postings: read \d+, rejected \d+ \(.*\), added 0, modified 0, \d+\.\d s/);
      expect(stdout).toContain('nothing changed at the source');
    }));
});
