import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putSpec } from '../../../src/lake/lake.ts';
import type { ExtractLedger } from '../../../src/run/types.ts';
import { extract } from '../../../src/workers/extract.ts';
import { type CoresignalDouble, startCoresignal } from '../../servers/coresignal/double.ts';
import { Bench, type Setting } from './context.ts';

const postings = 20;

let bench: Bench;
let double: CoresignalDouble;
beforeAll(async () => {
  bench = await Bench.open();
});
afterAll(() => bench.close());
beforeEach(async () => {
  await double?.close();
  double = await startCoresignal({ seed: 4, postings });
});
afterAll(() => double.close());

/** A step that asks for all postings of the double. */
async function collecting(setting: Partial<Setting> & { readonly budget?: number; readonly account?: string } = {}) {
  const { budget = 1000, account = randomUUID(), ...more } = setting;
  const items = double.found().map((job_id) => ({ job_id }));
  const chunk = { items, skippedKnown: 0, left: 0 };
  return bench.context({
    key: randomUUID(),
    format: { json: { records: '$' } },
    secrets: { 'coresignal/api-key': double.key },
    items: await putSpec(bench.lake, chunk),
    ...more,
    extract: {
      limits: { key: account },
      credits: { perRequest: 1, budget, remaining: { header: 'x-credits-remaining' } },
      rest: {
        baseUrl: double.url,
        path: '/cdapi/v2/job_base/collect/{{ item.job_id }}',
        headers: [{ name: 'apikey', valueFrom: { secretKeyRef: { name: 'coresignal', key: 'api-key' } } }],
        forEach: { dataset: 'jobs' },
        responses: [{ status: 404, action: 'Skip' }],
      },
    },
  });
}

/** Breaks off after so many answers. */
const breaksOff = (after: number) => {
  let stored = 0;
  return () => {
    stored += 1;
    if (stored === after) throw new Error('broken off');
  };
};

describe('a step that asks for items', () => {
  test('asks for each once; what is gone is counted and not paid', async () => {
    double.lose(double.found().slice(0, 2));
    const result = await extract(await collecting());
    expect(result).toMatchObject({
      ledger: { listed: postings, fetched: postings - 2, gone: 2, skippedKnown: 0, failed: 0, deferred: 0 },
      cost: { requests: postings, credits: postings - 2 },
      source: { creditsRemaining: 10_000 - (postings - 2) },
      complete: true,
    });
    expect(result.partitions?.[0]?.files).toHaveLength(postings - 2);
  });

  test('that broke off goes on with the next item, and nothing is paid twice', async () => {
    const setting = { key: randomUUID(), account: randomUUID() };
    await expect(extract(await collecting({ ...setting, crashPoint: breaksOff(7) }))).rejects.toThrow('broken off');
    expect(double.ledger().credits.spent).toBe(7);
    const result = await extract(await collecting(setting));
    expect(result).toMatchObject({ ledger: { fetched: postings, deferred: 0 }, cost: { credits: postings } });
    expect(double.ledger().credits.spent).toBe(postings);
  });

  test('that ran out of budget defers the rest for good, whoever comes later', async () => {
    const setting = { key: randomUUID(), account: randomUUID(), budget: 8 };
    const first = await extract(await collecting(setting));
    expect(first).toMatchObject({ ledger: { fetched: 8, deferred: postings - 8 }, complete: false });
    const again = await extract(await collecting({ ...setting, budget: 1000 }));
    expect(again.ledger).toEqual(first.ledger);
    expect(again.partitions).toEqual(first.partitions);
    expect(double.ledger().credits.spent).toBe(8);
  });

  test('shares its budget with others that name the same key', async () => {
    const account = randomUUID();
    const both = await Promise.all([1, 2].map(async () => extract(await collecting({ account, budget: 30 }))));
    expect(double.ledger().credits.spent).toBe(30);
    expect(both.reduce((sum, { cost }) => sum + (cost?.credits ?? 0), 0)).toBe(30);
  });

  test('defers what the account at the source does not cover; then the steps of the run need not ask, those of others do', async () => {
    const account = randomUUID();
    double.setCredits(10);
    const steps = await Promise.all([1, 2].map(async () => extract(await collecting({ account }))));
    expect(double.ledger().credits.spent).toBe(10);
    for (const { ledger } of steps) {
      const { listed, fetched, deferred } = ledger as ExtractLedger;
      expect([listed, fetched + deferred]).toEqual([postings, postings]);
    }
    expect(steps.flatMap(({ notices = [] }) => notices.map(({ reason }) => reason))).toContain('PaymentRequired');
    const asked = double.ledger().requests.length;
    const later = await extract(await collecting({ account }));
    expect(later).toMatchObject({ ledger: { fetched: 0, deferred: postings }, cost: { requests: 0, credits: 0 } });
    expect(double.ledger().requests).toHaveLength(asked);
    const next = { ...(await collecting({ account })), run: { name: 'next', asOf: '2026-11-20T07:00:00.000Z' } };
    const refused = await extract(next);
    expect(refused).toMatchObject({ ledger: { fetched: 0, deferred: postings }, cost: { requests: 1, credits: 0 } });
    expect(refused.notices?.[0]?.message).toContain('Insufficient credits');
  });

  test('a refusal costs nothing, an attempt that was answered is not repeated', async () => {
    double.fail(2, 503);
    const result = await extract(await collecting({ budget: postings }));
    expect(result).toMatchObject({ ledger: { fetched: postings }, cost: { credits: postings } });
    expect(double.ledger().credits.spent).toBe(postings);
  });
});
