import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableSpec } from '../../../src/connectors/warehouses/warehouse.ts';
import { type Given, table, World } from './world.ts';

/** The rules of a load written a second time, over objects: what the table must hold after some snapshots. */
interface Kept {
  readonly id: number;
  readonly title: string;
  readonly seen_at: string;
  readonly _row_hash: string;
  _removed_at: string | null;
  readonly transfer_date: string;
}

const titles = ['', 'analyst', 'engineer', '["a"]'];
const time = (day: number) => `2026-11-${String(day).padStart(2, '0')} 02:00:00`;

const hashOf = ({ id, title, seen_at }: { id: number; title: string; seen_at: string }) => {
  const text = JSON.stringify([String(id), title, null, null, seen_at]);
  return createHash('md5').update(text).digest('hex');
};

function fold(given: readonly Given[], spec: TableSpec): Kept[] {
  const kept = new Map<number, Kept>();
  const versionOf = (row: Kept) => (spec.version === undefined ? '' : row.seen_at);
  for (const [at, { day, rows, alsoSeen = [], params, total, incomplete }] of given.entries()) {
    const came = rows.map((row) => {
      const full = { id: row.id ?? 0, title: row.title ?? '', seen_at: row.seen_at ?? '' };
      const date = time(day - 1).slice(0, 10);
      return { ...full, _row_hash: hashOf(full), _removed_at: null, transfer_date: day === 1 ? '2026-10-31' : date };
    });
    const seen = new Set([...came.map(({ id }) => id), ...alsoSeen]);
    const live = [...kept.values()].filter(({ _removed_at }) => _removed_at === null);
    const missing = live.filter(({ id }) => !seen.has(id));
    const sameParams = at === 0 || given[at - 1]?.params === params;
    const few = missing.length * 100 <= spec.load.maxMissingPercent * live.length;
    if (!incomplete && sameParams && (total === undefined || total === seen.size) && few) {
      for (const row of missing) row._removed_at = time(day);
    }
    const rank = (row: Kept) => `${versionOf(row)} ${row._row_hash}`;
    const winners = Map.groupBy(came, ({ id }) => id);
    for (const [id, rivals] of winners) {
      const best = rivals.reduce((a, b) => (rank(b) > rank(a) ? b : a));
      const old = kept.get(id);
      const superseded = old && old._removed_at === null && versionOf(best) < versionOf(old);
      const unchanged = old && old._removed_at === null && best._row_hash === old._row_hash;
      if (!superseded && !unchanged) kept.set(id, best);
    }
  }
  return [...kept.values()].sort((a, b) => a.id - b.id);
}

const row = fc.record({
  id: fc.integer({ min: 1, max: 5 }),
  title: fc.constantFrom(...titles),
  seen_at: fc.constantFrom('2026-10-01 00:00:00', '2026-10-02 12:30:00'),
});
const snapshot = fc.record(
  {
    rows: fc.array(row, { maxLength: 6 }),
    alsoSeen: fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 2 }),
    params: fc.constantFrom('aaaa', 'aaaa', 'aaaa', 'bbbb'),
    total: fc.integer({ min: 3, max: 5 }),
    incomplete: fc.constant('it broke off'),
    files: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['rows', 'alsoSeen', 'params', 'files'] },
);
/** Three or four snapshots, and an order in which they are loaded that may name one several times. */
const story = fc.array(snapshot, { minLength: 3, maxLength: 4 }).chain((snapshots) => {
  const all = snapshots.map((_, at) => at);
  const more = fc.array(fc.constantFrom(...all), { maxLength: 2 });
  const order = fc
    .tuple(fc.shuffledSubarray(all, { minLength: all.length }), more)
    .map(([each, again]) => [...each, ...again]);
  return fc.record({
    snapshots: fc.constant(snapshots),
    order: order.chain((o) => fc.shuffledSubarray(o, { minLength: o.length })),
  });
});

describe.each([
  ['the newest snapshot wins', table({ maxMissingPercent: 60 })],
  ['the greatest version wins', table({}, { version: 'seen_at' })],
])('whatever the order in which snapshots are loaded, and how often: %s', (_what, spec) => {
  it('the table is the fold of its snapshots', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(story, async ({ snapshots, order }) => {
        const given = snapshots.map((each, at): Given => ({ ...each, day: at + 1 }));
        const world = new World();
        try {
          const slices = await Promise.all(given.map((each) => world.slice(each)));
          const loads = order.map((at) => ({ slice: slices[at], key: `load-${at}` }));
          for (const [at, { slice, key }] of loads.entries()) {
            if (!slice) throw new Error('an order names a snapshot that is not there');
            // The second time it is another step that was given the same snapshot, or the same step again.
            const outcome = await world.load([slice], { spec, key: at % 2 === 0 ? key : `${key}-${at}` });
            const { clean, added, modified, unchanged, superseded } = outcome.ledger;
            expect(added + modified + unchanged + superseded).toBe(clean);
          }
          const anew = await world.load(slices, { spec, rebuild: true });
          expect(anew.ledger).toMatchObject({ added: 0, modified: 0, marked: 0, deleted: 0 });
          const columns = 'id::INT AS id, title, seen_at, _row_hash, _removed_at, transfer_date';
          const found = await world.read(`SELECT ${columns} FROM usajobs.postings ORDER BY id`);
          expect(found).toEqual(fold(given, spec));
        } finally {
          await world.remove();
        }
      }),
      { numRuns: 15 },
    );
  });
});
