import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesystemStore, prefixed } from '../../src/connectors/stores/filesystem.ts';
import type { Store } from '../../src/connectors/stores/store.ts';
import { openAccount, periodStart, type Reservation } from '../../src/lake/limits.ts';

const periodMs = 1000;
const start = 1_700_000_000_000;

let folder: string;
let spaces = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'limits-'));
});
afterAll(() => rm(folder, { recursive: true }));

const space = (): Store => prefixed(filesystemStore(folder), `n${spaces++}`);
const claim = (step: string, run = 'r') => ({ step, manifest: `p/${step}.json`, run });
const settle = (store: Store, step: string, credits: number) =>
  store.putIfAbsent(`p/${step}.json`, Buffer.from(JSON.stringify({ cost: { credits } })));

async function all(store: Store): Promise<Reservation[]> {
  const found: Reservation[] = [];
  for await (const { path } of store.list('_limits/k')) {
    if (/\d\.json$/.test(path)) found.push(JSON.parse((await store.get(path))?.toString() ?? '') as Reservation);
  }
  return found.sort((a, b) => a.number - b.number);
}

describe('an account', () => {
  test('never gives more than the budget of a period, however many reserve at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2500 })), { maxLength: 12 }),
        fc.integer({ min: 0, max: 100 }),
        async (wishes, budget) => {
          const store = space();
          await Promise.all(
            wishes.map(([wanted, after], at) =>
              openAccount(store, { key: 'k', budget, periodMs }).reserve(claim(`s${at}`), wanted, start + after),
            ),
          );
          const reservations = await all(store);
          expect(reservations.map(({ number }) => number)).toEqual(wishes.map((_, at) => at + 1));
          for (const group of Map.groupBy(reservations, ({ at }) => periodStart(at, periodMs)).values()) {
            expect(group.reduce((sum, { credits }) => sum + credits, 0)).toBeLessThanOrEqual(budget);
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test('counts what is not settled in full, and what is settled as its manifest says', async () => {
    const store = space();
    const account = openAccount(store, { key: 'k', budget: 100, periodMs });
    expect((await account.reserve(claim('a'), 60, start)).credits).toBe(60);
    expect((await account.reserve(claim('b'), 60, start)).credits).toBe(40);
    expect((await account.reserve(claim('c'), 60, start)).credits).toBe(0);
    await settle(store, 'a', 45);
    expect((await account.reserve(claim('d'), 60, start)).credits).toBe(15);
    expect((await account.reserve(claim('e'), 60, start + periodMs)).credits).toBe(60);
  });

  test('gives a run nothing more once the source was empty for it; other runs find out themselves', async () => {
    const account = openAccount(space(), { key: 'k', budget: 100, periodMs });
    await account.reserve(claim('a'), 10, start);
    await account.empty(claim('a'), start);
    await account.empty(claim('b'), start);
    expect((await account.reserve(claim('b'), 10, start)).number).toBe(3);
    expect((await account.reserve(claim('b'), 10, start)).credits).toBe(0);
    expect((await account.reserve(claim('b', 'other'), 10, start)).credits).toBe(10);
    expect(await account.ofStep('a', start)).toHaveLength(1);
  });

  test('is bound by the strictest declaration in use', async () => {
    const store = space();
    await openAccount(store, { key: 'k', budget: 10, periodMs: 10 * periodMs }).reserve(claim('a'), 4, start);
    const lax = openAccount(store, { key: 'k', budget: 1000, periodMs });
    expect((await lax.reserve(claim('b'), 50, start)).credits).toBe(6);
    const other = openAccount(store, { key: 'another', budget: 1000, periodMs });
    expect((await other.reserve(claim('b'), 50, start)).credits).toBe(50);
  });

  test('tells what a step reserved in this period and lost, and forgets what is long over', async () => {
    const store = space();
    const account = openAccount(store, { key: 'k', budget: 100, periodMs });
    const first = await account.reserve(claim('a'), 10, start);
    await account.end(first, 2);
    await account.reserve(claim('a'), 5, start);
    const seen = await account.ofStep('a', start);
    expect(seen.map(({ credits, lost }) => [credits, lost])).toEqual([
      [10, 2],
      [5, undefined],
    ]);
    await account.reserve(claim('b'), 5, start + 86_400_000);
    expect((await all(store)).map(({ number }) => number)).toEqual([3]);
    expect((await account.reserve(claim('b'), 5, start + 86_400_000)).number).toBe(4);
    expect(await account.ofStep('a', start + 86_400_000)).toEqual([]);
  });
});
