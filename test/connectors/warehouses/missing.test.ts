import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyNot } from '../../../src/connectors/warehouses/duckdb/missing.ts';
import { onEveryWarehouse } from './everyWarehouse.ts';
import { type Given, table, type World } from './world.ts';

onEveryWarehouse((open) => {
  let world: World;
  beforeEach(async () => {
    world = await open();
  });
  afterEach(() => world.remove());

  const rows = (...ids: number[]) => ids.map((id) => ({ id, title: `title ${id}` }));
  const removed = () =>
    world.read('SELECT id, _removed_at FROM usajobs.postings WHERE _removed_at IS NOT NULL ORDER BY id');

  describe('rows that a whole snapshot no longer holds', () => {
    it('are marked once, keep their transfer date, and come back as modified', async () => {
      await world.give({ day: 1, rows: rows(1, 2, 3), total: 3 });
      const gone = await world.give({ day: 2, rows: rows(1, 3), total: 2 });
      expect(gone).toMatchObject({ ledger: { unchanged: 2, marked: 1, deleted: 0 }, rows: 3, notices: [] });
      const still = await world.give({ day: 3, rows: rows(1, 3), total: 2 });
      expect(still).toMatchObject({ ledger: { unchanged: 2, marked: 0 }, rowsHash: gone.rowsHash });
      expect(await world.read('SELECT _removed_at, transfer_date FROM usajobs.postings WHERE id = 2')).toEqual([
        { _removed_at: '2026-11-02 02:00:00', transfer_date: '2026-10-31' },
      ]);
      const back = await world.give({ day: 4, rows: rows(1, 2, 3), total: 3 });
      expect(back.ledger).toMatchObject({ unchanged: 2, modified: 1, marked: 0 });
      expect(await world.read('SELECT _removed_at, transfer_date FROM usajobs.postings WHERE id = 2')).toEqual([
        { _removed_at: null, transfer_date: '2026-11-03' },
      ]);
    });

    it('are deleted where the manifest says so', async () => {
      const spec = table({ onMissing: 'Delete' });
      await world.give({ day: 1, rows: rows(1, 2, 3) }, spec);
      const gone = await world.give({ day: 2, rows: rows(2) }, spec);
      expect(gone).toMatchObject({ ledger: { unchanged: 1, marked: 0, deleted: 2 }, rows: 1 });
    });

    it('are left alone where the manifest says so', async () => {
      const spec = table({ onMissing: 'Ignore' });
      await world.give({ day: 1, rows: rows(1, 2, 3) }, spec);
      const gone = await world.give({ day: 2, rows: rows(2), incomplete: 'of a test' }, spec);
      expect(gone).toMatchObject({ ledger: { unchanged: 1, marked: 0, deleted: 0 }, notices: [] });
    });

    it('are not those whose record was read and rejected', async () => {
      await world.give({ day: 1, rows: rows(1, 2), total: 2 });
      const rejected = await world.give({ day: 2, rows: rows(1), alsoSeen: [2], total: 2 });
      expect(rejected.ledger).toMatchObject({ unchanged: 1, marked: 0 });
    });
  });

  describe('a snapshot that may not be whole', () => {
    const shrunk: [string, Partial<Given>, RegExp][] = [
      ['breaks off', { incomplete: 'part 1 of the snapshot is missing' }, /part 1 of the snapshot is missing/],
      ['holds less than the source says', { total: 4 }, /says it holds 4, and 2 different keys were seen/],
      ['holds a key twice', { total: 3, alsoSeen: [1] }, /says it holds 3, and 2 different keys/],
      [
        'was asked for with other parameters',
        { params: 'bbbb' },
        /\(2026-11-01T02:00:00.000Z\) was asked for with other parameters/,
      ],
      ['has a record without a readable key', { alsoSeen: [null] }, /the key of 1 records could not be read/],
    ];
    it.each(shrunk)('marks nothing and says why when it %s', async (_what, given, why) => {
      await world.give({ day: 1, rows: rows(1, 2, 3, 4) });
      const { ledger, notices } = await world.give({ day: 2, rows: rows(1, 2), ...given });
      expect(ledger).toMatchObject({ unchanged: 2, marked: 0 });
      expect(notices).toEqual([{ reason: 'SnapshotShrank', message: expect.stringMatching(why) }]);
      expect(notices[0]?.message).toContain(
        'postings: 2 of 4 live rows are not in the snapshot of 2026-11-02T02:00:00.000Z',
      );
      expect(await removed()).toEqual([]);
    });

    it('marks nothing when more vanish than load.maxMissingPercent', async () => {
      const spec = table({ maxMissingPercent: 20 });
      await world.give({ day: 1, rows: rows(1, 2, 3, 4, 5, 6, 7, 8, 9, 10) }, spec);
      const three = await world.give({ day: 2, rows: rows(1, 2, 3, 4, 5, 6, 7) }, spec);
      expect(three).toMatchObject({ ledger: { marked: 0 }, notices: [{ message: expect.stringContaining('30.0 %') }] });
      const two = await world.give({ day: 3, rows: rows(1, 2, 3, 4, 5, 6, 7, 8) }, spec);
      expect(two).toMatchObject({ ledger: { marked: 2 }, notices: [] });
      // Two of eight live rows: those that are gone already do not count.
      const more = await world.give({ day: 4, rows: rows(1, 2, 3, 4, 5, 6) }, spec);
      expect(more).toMatchObject({ ledger: { marked: 0 }, notices: [{ message: expect.stringContaining('2 of 8') }] });
    });

    it('says nothing when it lacks no row of the table', async () => {
      await world.give({ day: 1, rows: rows(1, 2) });
      expect((await world.give({ day: 2, rows: rows(1, 2, 3), incomplete: 'of a test', total: 9 })).notices).toEqual(
        [],
      );
    });
  });
});

it('allows exactly load.maxMissingPercent', () => {
  const spec = table({ maxMissingPercent: 20 });
  const figures = { live: 1000, missing: 200, keys: 800, unreadable: 0 };
  expect(whyNot(spec, { params: 'a' }, undefined, figures)).toBeUndefined();
  expect(whyNot(spec, { params: 'a' }, undefined, { ...figures, missing: 201 })).toMatch(/^20\.1 %/);
});
