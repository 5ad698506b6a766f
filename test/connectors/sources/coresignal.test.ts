import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readRaw } from '../../../src/lake/raw.ts';
import type { Manifest, StepResult } from '../../../src/run/types.ts';
import { extract } from '../../../src/workers/extract.ts';
import { type CoresignalDouble, startCoresignal } from '../../servers/coresignal/double.ts';
import { Bench, manifestOf, type Setting } from './context.ts';

let bench: Bench;
let double: CoresignalDouble;
beforeEach(async () => {
  bench = await Bench.open();
  double = await startCoresignal({ postings: 250 });
});
afterEach(async () => {
  await double.close();
  await bench.close();
});

/** The search of the example, in pages of ten. */
const search = (): NonNullable<Setting['extract']['rest']> => ({
  baseUrl: double.url,
  method: 'POST',
  path: '/cdapi/v2/job_base/search/filter',
  headers: [{ name: 'apikey', valueFrom: { secretKeyRef: { name: 'coresignal', key: 'api-key' } } }],
  query: { items_per_page: '10' },
  body: {
    application_active: true,
    last_updated_gte: "{{ params.since | date('%Y-%m-%d %H:%M:%S') }}",
    country: 'United States',
    title: '(Program manager) AND (Remote)',
    deleted: 0,
    industry: 'Software development',
  },
  paging: { cursor: { param: 'after', next: { header: 'x-next-page-after' } }, total: { header: 'x-total-results' } },
});

const contextOf = (setting: Partial<Setting> = {}) =>
  bench.context({
    format: { json: { records: '$[*]' } },
    params: { since: '2024-12-01T00:00:01Z' },
    secrets: { 'coresignal/api-key': double.key },
    ...setting,
    extract: { rest: search() },
  });

const idsIn = async (results: readonly StepResult[]): Promise<unknown[]> => {
  const files = results.flatMap(({ partitions = [] }) => partitions.flatMap((partition) => partition.files));
  const bodies = await Promise.all(files.map(({ path }) => readRaw(bench.lake, path)));
  return bodies.flatMap((body) => JSON.parse(body.toString()) as unknown[]);
};

describe('the search of the Coresignal example against the double of its API', () => {
  test('part after part brings every id once and proves it by the total; the body is the filter, byte for byte', async () => {
    const results: StepResult[] = [];
    let head: Manifest | undefined;
    do {
      const context = await contextOf({ part: results.length, pages: 4, ...(head ? { head } : {}) });
      const result = await extract(context);
      results.push(result);
      head = manifestOf(context, result);
    } while (head.source?.next !== undefined);
    expect(await idsIn(results)).toEqual(double.found());
    expect(results).toHaveLength(7);
    expect(results.at(-1)).toMatchObject({ complete: true, source: { total: 250 } });
    expect(results.flatMap(({ notices = [] }) => notices)).toEqual([]);
    expect(double.ledger()).toMatchObject({ searches: 25, credits: { spent: 0 } });
  });

  test('a bare 429 is waited for and spends no attempt; other faults are tried again', async () => {
    double.fail(1, 429);
    double.fail(2, 503);
    const result = await extract(await contextOf({ pages: 100 }));
    expect(await idsIn([result])).toEqual(double.found());
    expect(double.ledger()).toMatchObject({ throttled: 1, searches: 25 });
  });

  test('a new posting in the middle of the walk is no reason to miss or repeat another', async () => {
    const before = double.found();
    let stored = 0;
    const crashPoint = () => {
      stored += 1;
      if (stored === 12) double.add(30);
    };
    const result = await extract(await contextOf({ pages: 100, crashPoint }));
    const ids = await idsIn([result]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(before.every((id) => ids.includes(id))).toBe(true);
  });

  test('an account that is used up is told to pay', async () => {
    double.fail(1, 402);
    await expect(extract(await contextOf())).rejects.toMatchObject({ reason: 'PaymentRequired' });
  });
});
