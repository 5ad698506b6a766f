import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LoadLedger } from '../../../src/run/types.ts';
import { onEveryWarehouse } from './everyWarehouse.ts';
import { postings, table, type World } from './world.ts';

onEveryWarehouse((open) => {
  let world: World;
  beforeEach(async () => {
    world = await open();
  });
  afterEach(() => world.remove());

  const counts = (ledger: Partial<LoadLedger>): LoadLedger => ({
    ...{ clean: 0, added: 0, modified: 0, unchanged: 0, superseded: 0, marked: 0, deleted: 0 },
    ...ledger,
  });
  const row = (id: number, title = `title ${id}`) => ({ id, title });

  describe('merging a snapshot', () => {
    it('creates the table with the declared types, comments and provenance', async () => {
      const { ledger, rows } = await world.give({
        day: 1,
        rows: [
          {
            id: 1,
            title: 'Data engineer',
            pay: '120000.50',
            tags: ['a, b', 'c'],
            rank: 0.5,
            seen_at: '2026-11-01 08:00',
          },
        ],
      });
      expect(ledger).toEqual(counts({ clean: 1, added: 1 }));
      expect(rows).toBe(1);
      const [stored] = await world.read('FROM usajobs.postings');
      expect(stored).toMatchObject({
        ...{ id: '1', title: 'Data engineer', pay: '120000.50', tags: ['a, b', 'c'], rank: 0.5 },
        ...{
          seen_at: '2026-11-01 08:00:00',
          _as_of: '2026-11-01 02:00:00',
          _run_id: 'run-1',
          _slice: '20261101T020000000Z',
        },
        ...{ _source_row: '0', _payload_sha256: 'c0ffee', _removed_at: null, transfer_date: '2026-10-31' },
      });
      expect(stored?._row_hash).toMatch(/^[0-9a-f]{32}$/);
      const columns = await world.read(
        `SELECT column_name, data_type, comment FROM duckdb_columns() WHERE table_name = 'postings' ORDER BY column_index`,
      );
      expect(columns.map(({ column_name, data_type }) => `${column_name} ${data_type}`)).toEqual([
        ...['id BIGINT', 'title VARCHAR', 'pay DECIMAL(12,2)', 'tags VARCHAR[]', 'rank DOUBLE', 'seen_at TIMESTAMP'],
        ...['_as_of TIMESTAMP', '_run_id VARCHAR', '_slice VARCHAR', '_source_uri VARCHAR', '_source_row BIGINT'],
        ...[
          '_payload_sha256 VARCHAR',
          '_extracted_at TIMESTAMP',
          '_row_hash VARCHAR',
          '_removed_at TIMESTAMP',
          'transfer_date DATE',
        ],
      ]);
      expect(columns.map(({ comment }) => comment).slice(0, 3)).toEqual(['$.Id', null, 'Pay "from"; it\'s a decimal']);
    });

    it('tells added, modified and unchanged rows apart and leaves unchanged ones alone', async () => {
      await world.give({ day: 1, rows: [{ ...row(1), rank: 1 }, row(2)] });
      const { ledger } = await world.give({ day: 2, rows: [{ ...row(1), rank: 9 }, row(2, 'other'), row(3)] });
      expect(ledger).toEqual(counts({ clean: 3, added: 1, modified: 1, unchanged: 1 }));
      expect(await world.read('SELECT id, rank, _run_id, transfer_date FROM usajobs.postings ORDER BY id')).toEqual([
        { id: '1', rank: 1, _run_id: 'run-1', transfer_date: '2026-10-31' },
        { id: '2', rank: null, _run_id: 'run-2', transfer_date: '2026-11-01' },
        { id: '3', rank: null, _run_id: 'run-2', transfer_date: '2026-11-01' },
      ]);
    });

    it.each([
      ['NULL', 'the empty text', { title: undefined }, { title: '' }],
      ['one tag with a comma', 'two tags', { tags: ['a, b'] }, { tags: ['a', 'b'] }],
      ['no tags', 'unknown tags', { tags: [] }, { tags: undefined }],
      ['NULL', 'the text NULL', { tags: ['NULL'] }, { tags: undefined }],
      ['a value', 'the same value in the next column', { title: '1.00' }, { title: undefined, pay: '1.00' }],
    ])('takes %s and %s for different', async (_a, _b, before, after) => {
      await world.give({ day: 1, rows: [{ id: 1, ...before }] });
      const { ledger } = await world.give({ day: 2, rows: [{ id: 1, ...after }] });
      expect(ledger).toEqual(counts({ clean: 1, modified: 1 }));
    });

    it('keeps one row per key of a snapshot and counts the others as superseded', async () => {
      const given = { day: 1, rows: [row(1, 'a'), row(1, 'b'), row(1, 'c'), row(2)], files: 3 };
      const { ledger, rowsHash } = await world.give(given);
      expect(ledger).toEqual(counts({ clean: 4, added: 2, superseded: 2 }));
      const other = await open();
      const turned = await other.give({ ...given, rows: given.rows.toReversed(), files: 2 });
      await other.remove();
      expect(turned.rowsHash).toBe(rowsHash);
    });

    it('takes rows without a key value as one row', async () => {
      await world.give({ day: 1, rows: [{ id: null, title: 'a' }] });
      const { ledger, rows } = await world.give({ day: 2, rows: [{ id: null, title: 'b' }] });
      expect(ledger).toEqual(counts({ clean: 1, modified: 1 }));
      expect(rows).toBe(1);
    });

    it('lets the greatest version win, within a snapshot and over older rows', async () => {
      const spec = table({}, { version: 'seen_at' });
      const at = (day: number, title: string) => ({ id: 1, title, seen_at: `2026-10-0${day}` });
      await world.give({ day: 1, rows: [at(4, 'new'), at(5, 'newest')] }, spec);
      const late = await world.give({ day: 2, rows: [at(3, 'old')] }, spec);
      expect(late.ledger).toEqual(counts({ clean: 1, superseded: 1 }));
      const none = await world.give({ day: 3, rows: [{ id: 1, title: 'no version' }] }, spec);
      expect(none.ledger).toEqual(counts({ clean: 1, superseded: 1 }));
      const next = await world.give({ day: 4, rows: [at(6, 'next')] }, spec);
      expect(next.ledger).toEqual(counts({ clean: 1, modified: 1 }));
      expect(await world.read('SELECT title FROM usajobs.postings')).toEqual([{ title: 'next' }]);
    });

    it('takes no value from the name of a folder', async () => {
      await world.give({
        day: 1,
        rows: [{ id: 1, title: 'a', seen_at: '2026-11-05' }],
        folder: 'seen_at=2026-11/title=b',
      });
      const found = await world.read('SELECT title, seen_at FROM usajobs.postings');
      expect(found).toEqual([{ title: 'a', seen_at: '2026-11-05 00:00:00' }]);
    });

    it('takes a snapshot without a row', async () => {
      expect((await world.load([{ ...(await world.slice({ day: 1, rows: [] })), files: [] }])).ledger).toEqual(
        counts({}),
      );
      expect(await world.read('FROM usajobs.postings')).toEqual([]);
    });

    it('works where the schema is called like the file', async () => {
      const spec = table({}, { schema: 'warehouse' });
      await world.give({ day: 1, rows: [row(1)] }, spec);
      expect((await world.give({ day: 2, rows: [row(1)] }, spec)).ledger).toEqual(counts({ clean: 1, unchanged: 1 }));
    });
  });

  describe('loads that come twice, late or anew', () => {
    it('answers a key it knows with the stored counts and does not touch the table', async () => {
      const first = await world.slice({ day: 1, rows: [row(1), row(2)] });
      const answer = await world.load([first], { key: 'k' });
      await world.give({ day: 2, rows: [row(1, 'changed')] });
      const before = await world.read('FROM usajobs.postings ORDER BY id');
      expect(await world.load([first], { key: 'k' })).toEqual(answer);
      expect(await world.read('FROM usajobs.postings ORDER BY id')).toEqual(before);
    });

    it('gives an older snapshot its place, whenever it comes', async () => {
      await world.give({ day: 1, rows: [row(1)] });
      await world.give({ day: 3, rows: [row(1, 'third'), row(4)] });
      const late = await world.give({ day: 2, rows: [row(1, 'second'), row(2), row(4)] });
      // 1 is newer in the table, 4 is as it is (but was seen earlier now), 2 was new and is gone since.
      expect(late.ledger).toEqual(counts({ clean: 3, added: 1, unchanged: 1, superseded: 1, marked: 1 }));
      expect(
        await world.read('SELECT id, title, transfer_date, _removed_at FROM usajobs.postings ORDER BY id'),
      ).toEqual([
        { id: '1', title: 'third', transfer_date: '2026-11-02', _removed_at: null },
        { id: '2', title: 'title 2', transfer_date: '2026-11-01', _removed_at: '2026-11-03 02:00:00' },
        { id: '4', title: 'title 4', transfer_date: '2026-11-01', _removed_at: null },
      ]);
    });

    it('replaces a snapshot that was cleaned again', async () => {
      await world.give({ day: 1, rows: [row(1), row(2, 'wrong')] });
      await world.give({ day: 2, rows: [row(1), row(2), row(3)] });
      const again = await world.give({ day: 1, rows: [row(1), row(2)] });
      expect(again.ledger).toEqual(counts({ clean: 2, unchanged: 2 }));
      expect(await world.read('SELECT DISTINCT transfer_date FROM usajobs.postings WHERE id = 2')).toEqual([
        { transfer_date: '2026-10-31' },
      ]);
    });

    it('builds the table anew with other columns, and counts what became of the rows', async () => {
      const slices = [
        await world.slice({ day: 1, rows: [{ ...row(1), pay: '1' }, row(2)] }),
        await world.slice({ day: 2, rows: [{ ...row(1), pay: '2' }, row(3)] }),
      ];
      for (const slice of slices) await world.load([slice]);
      const [id, title, pay] = postings.columns;
      if (!id || !title || !pay) throw new Error('the fixture has lost its columns');
      const note = { name: 'note', type: 'string' };
      const narrow = table({}, { columns: [{ ...id, type: 'string' }, pay, note] });
      const rebuilt = await world.load(slices, { rebuild: true, spec: narrow });
      expect(rebuilt.ledger).toEqual(counts({ clean: 4, modified: 3, superseded: 1 }));
      const again = await world.load(slices, { rebuild: true, spec: narrow });
      expect(again.ledger).toEqual(counts({ clean: 4, unchanged: 3, superseded: 1 }));
      expect(again.rowsHash).toBe(rebuilt.rowsHash);
      expect(await world.read('SELECT id, pay, note FROM usajobs.postings ORDER BY id')).toEqual([
        { id: '1', pay: '2.00', note: null },
        { id: '2', pay: null, note: null },
        { id: '3', pay: null, note: null },
      ]);
    });

    it('forgets snapshots that a rebuild leaves out', async () => {
      const [first, second] = [
        await world.slice({ day: 1, rows: [row(1)] }),
        await world.slice({ day: 2, rows: [row(2)] }),
      ];
      await world.load([first]);
      await world.load([second]);
      const rebuilt = await world.load([second], { rebuild: true });
      expect(rebuilt.ledger).toEqual(counts({ clean: 1, unchanged: 1, deleted: 1 }));
      await world.give({ day: 1, rows: [row(3)] });
      expect(await world.read('SELECT id FROM usajobs.postings ORDER BY id')).toEqual([{ id: '2' }, { id: '3' }]);
    });

    it('builds a table again that somebody dropped', async () => {
      await world.give({ day: 1, rows: [row(1)] });
      await world.change('DROP TABLE usajobs.postings');
      const { ledger } = await world.give({ day: 2, rows: [row(2)] });
      expect(ledger).toEqual(counts({ clean: 1, added: 1, marked: 1 }));
      expect(await world.read('SELECT id FROM usajobs.postings ORDER BY id')).toEqual([{ id: '1' }, { id: '2' }]);
    });

    it('leaves nothing behind when a file is missing', async () => {
      await world.give({ day: 1, rows: [row(1)] });
      const slice = await world.slice({ day: 2, rows: [row(2)] });
      const gone = { ...slice, files: [...slice.files, 'clean/gone.parquet'] };
      await expect(world.load([gone])).rejects.toMatchObject({ name: 'TerminalError', reason: 'LakeFileMissing' });
      expect((await world.load([slice])).ledger).toEqual(counts({ clean: 1, added: 1, marked: 1 }));
    });

    it('never shows a value that does not fit its column', async () => {
      const columns = postings.columns.map((column) =>
        column.name === 'title' ? { ...column, type: 'integer' } : column,
      );
      const failed = world.give({ day: 1, rows: [{ id: 1, title: 'Jane Roe' }] }, table({}, { columns }));
      await expect(failed).rejects.toMatchObject({ name: 'TerminalError', reason: 'LoadFailed' });
      await expect(failed).rejects.not.toThrow(/Jane/);
    });
  });

  describe('appending a snapshot', () => {
    const spec = table({ mode: 'Append' });

    it('adds every row, equal or not, and replaces a snapshot that comes again', async () => {
      expect((await world.give({ day: 1, rows: [row(1), row(1), row(2)] }, spec)).ledger).toEqual(
        counts({ clean: 3, added: 3 }),
      );
      expect((await world.give({ day: 3, rows: [row(1)] }, spec)).ledger).toEqual(counts({ clean: 1, added: 1 }));
      expect((await world.give({ day: 2, rows: [row(5)] }, spec)).ledger).toEqual(counts({ clean: 1, added: 1 }));
      const again = await world.give({ day: 1, rows: [row(1), row(7)] }, spec);
      expect(again).toMatchObject({ ledger: counts({ clean: 2, added: 2 }), rows: 4 });
      expect(await world.read('SELECT id, _as_of::DATE AS day FROM usajobs.postings ORDER BY ALL')).toEqual([
        { id: '1', day: '2026-11-01' },
        { id: '1', day: '2026-11-03' },
        { id: '5', day: '2026-11-02' },
        { id: '7', day: '2026-11-01' },
      ]);
    });

    it('is built anew row for row', async () => {
      const slices = [
        await world.slice({ day: 1, rows: [row(1), row(1), row(2)] }),
        await world.slice({ day: 2, rows: [row(1)] }),
      ];
      for (const slice of slices) await world.load([slice], { spec });
      const anew = await world.load(slices, { spec, rebuild: true });
      expect(anew).toMatchObject({ ledger: counts({ clean: 4, unchanged: 4 }), rows: 4 });
    });
  });

  it('takes no longer than the caller waits', async () => {
    const slice = await world.slice({ day: 1, rows: [row(1)] });
    const stopping = new AbortController();
    const locate = async (paths: readonly string[]) => {
      stopping.abort(new Error('the lease is lost'));
      return paths.map((path) => ({ path }));
    };
    const warehouse = await world.warehouse();
    const request = { key: 'k', table: postings, slices: [slice], rebuild: false, locate };
    await expect(warehouse.load(request, stopping.signal)).rejects.toThrow('the lease is lost');
    expect((await world.load([slice], { key: 'k' })).ledger).toEqual(counts({ clean: 1, added: 1 }));
  });
});
