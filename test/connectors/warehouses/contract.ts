import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Row } from '../../../src/connectors/duckdb.ts';
import type { LoadOutcome, LoadSlice, TableSpec } from '../../../src/connectors/warehouses/warehouse.ts';
import { foldOf } from './fold.ts';
import { type Given, table } from './world.ts';

/** What the suite needs of a warehouse and of the lake that it reads. */
export interface Bench {
  /** Writes the files of a slice. */
  slice(given: Given): Promise<LoadSlice>;
  load(
    slices: readonly LoadSlice[],
    how: { readonly spec: TableSpec; readonly rebuild?: boolean; readonly key?: string },
  ): Promise<LoadOutcome>;
  /** What another program sees. */
  read(sql: string): Promise<Row[]>;
  remove(): Promise<void>;
}

const withGone = [...table().columns, { name: 'gone', type: 'boolean' }];
const tombstones = { onMissing: 'Ignore', tombstone: 'gone' } as const;

const ofSnapshots: [string, TableSpec][] = [
  ['Merge', table({ onMissing: 'Ignore' })],
  ['Merge by version', table({ onMissing: 'Ignore' }, { version: 'seen_at' })],
  ['Merge that marks what is missing', table({ maxMissingPercent: 60 })],
  ['Merge by version that marks what is missing', table({}, { version: 'seen_at' })],
  ['Merge by version with tombstones', table(tombstones, { version: 'seen_at', columns: withGone })],
  [
    'Merge with tombstones that marks what is missing',
    table({ tombstone: 'gone' }, { version: 'seen_at', columns: withGone }),
  ],
  ['Replace', table({ mode: 'Replace', onMissing: 'Ignore' })],
  ['SCD2', table({ mode: 'SCD2', onMissing: 'Ignore' })],
  ['SCD2 by version', table({ mode: 'SCD2', onMissing: 'Ignore' }, { version: 'seen_at' })],
  ['SCD2 that ends what is missing', table({ mode: 'SCD2', maxMissingPercent: 60 })],
  ['Append', table({ mode: 'Append', onMissing: 'Ignore' })],
];
const ofWindows = ofSnapshots.filter(([name, { load }]) => load.onMissing === 'Ignore' && name !== 'Replace');

const row = fc.record({
  id: fc.integer({ min: 1, max: 4 }),
  title: fc.constantFrom('', 'analyst', 'engineer', '["a"]'),
  seen_at: fc.constantFrom('2026-10-01 00:00:00', '2026-10-02 12:30:00', '2026-10-03 00:00:00'),
  gone: fc.boolean(),
});
const slice = fc.record(
  {
    rows: fc.array(row, { maxLength: 6 }),
    alsoSeen: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 }),
    params: fc.constantFrom('aaaa', 'aaaa', 'aaaa', 'bbbb'),
    total: fc.integer({ min: 3, max: 5 }),
    incomplete: fc.constant('it broke off'),
    files: fc.integer({ min: 1, max: 3 }),
  },
  { requiredKeys: ['rows', 'alsoSeen', 'params', 'files'] },
);
const window = fc.constantFrom<readonly [number, number]>([1, 2], [2, 3], [1, 3], [3, 4]);
const draft = fc.option(fc.array(row, { maxLength: 4 }), { nil: undefined });

/** Slices in the order of their time, some of them cleaned twice, and an order in which they are loaded, some of them together and again. */
const storyOf = (kind: 'snapshots' | 'windows') =>
  fc
    .array(fc.tuple(slice, window, draft), { minLength: 3, maxLength: 5 })
    .map((drawn) =>
      drawn.map(([each, about, rows], at) => ({
        given: {
          ...each,
          day: at + (kind === 'windows' ? 5 : 1),
          ...(kind === 'windows' && { window: about }),
        } as Given,
        draft: rows,
      })),
    )
    .chain((slices) => {
      const all = slices.map((_, at) => at);
      const again = fc.array(fc.constantFrom(...all), { maxLength: 2 });
      const order = fc.shuffledSubarray(all, { minLength: all.length });
      const together = fc.array(fc.boolean(), { minLength: all.length + 2, maxLength: all.length + 2 });
      return fc.record({ slices: fc.constant(slices), order, again, together });
    });

/** Loads a story; the first load has a key by which its answer is asked for again. */
async function play(bench: Bench, spec: TableSpec, story: Story): Promise<LoadOutcome | undefined> {
  const last = await Promise.all(story.slices.map(({ given }) => bench.slice(given)));
  const drafted = await Promise.all(
    story.slices.map(({ given, draft: rows }, at) => (rows ? bench.slice({ ...given, rows }) : last[at])),
  );
  const drafts = story.order.map((at) => drafted[at]);
  const corrected = [...story.order.filter((at) => story.slices[at]?.draft), ...story.again].map((at) => last[at]);
  const loads = grouped([...drafts, ...corrected], story.together);
  let first: LoadOutcome | undefined;
  for (const [at, slices] of loads.entries()) {
    const outcome = await bench.load(slices, { spec, ...(at === 0 && { key: 'first' }) });
    const { clean, added, modified, unchanged, superseded } = outcome.ledger;
    expect(added + modified + unchanged + superseded).toBe(clean);
    first ??= outcome;
  }
  return first;
}

type Story = typeof storyOf extends (kind: never) => fc.Arbitrary<infer Of> ? Of : never;

/** Cuts a list of slices into loads, which never hold a slice twice. */
function grouped(slices: readonly (LoadSlice | undefined)[], together: readonly boolean[]): LoadSlice[][] {
  const loads: LoadSlice[][] = [];
  for (const [at, each] of slices.entries()) {
    if (!each) continue;
    const open = loads.at(-1);
    const isNew = !open || !together[at] || open.some((other) => placeText(other) === placeText(each));
    if (isNew) loads.push([each]);
    else open.push(each);
  }
  return loads.map((load) => load.toSorted((a, b) => (placeText(a) < placeText(b) ? -1 : 1)));
}
const placeText = ({ end = '', asOf, start = '' }: LoadSlice): string => `${end} ${asOf} ${start}`;

const columnsOf = (spec: TableSpec): string =>
  [
    'CAST(id AS INT) AS id, title, seen_at, _row_hash, _removed_at, transfer_date',
    ...(spec.load.tombstone === undefined ? [] : ['gone']),
    ...(spec.load.mode === 'SCD2' ? ['_valid_from', '_valid_to', '_is_current'] : []),
  ].join(', ');

/** Every load mode of a warehouse: one line in a test file, whatever the warehouse. */
export function loadContract(warehouse: string, open: () => Promise<Bench>, runs = 5): void {
  for (const [kind, specs] of [['snapshots', ofSnapshots] as const, ['windows', ofWindows] as const]) {
    describe.each(specs)(`${warehouse}, ${kind}, %s`, (_name, spec) => {
      it('the table is the fold of its slices, in whatever order they came', { timeout: 300_000 }, async () => {
        await fc.assert(
          fc.asyncProperty(storyOf(kind), async (story) => {
            const bench = await open();
            try {
              const first = await play(bench, spec, story);
              const slices = await Promise.all(story.slices.map(({ given }) => bench.slice(given)));
              const ordered = slices.toSorted((a, b) => (placeText(a) < placeText(b) ? -1 : 1));
              const select = `SELECT ${columnsOf(spec)} FROM usajobs.postings`;
              const order = spec.load.mode === 'SCD2' ? 'id, _valid_from' : 'id, transfer_date, _row_hash';
              const found = await bench.read(`${select} ORDER BY ${order}`);
              const wanted = foldOf(
                story.slices.map(({ given }) => given),
                spec,
              );
              expect(found).toEqual(wanted.map((kept) => pick(kept, Object.keys(found[0] ?? {}))));
              expect(found).toHaveLength(wanted.length);
              const anew = await bench.load(ordered, { spec, rebuild: true });
              expect(anew.ledger).toMatchObject({ added: 0, modified: 0, marked: 0, deleted: 0 });
              expect(await bench.read(`${select} ORDER BY ${order}`)).toEqual(found);
              expect(await bench.load(ordered.slice(0, 1), { spec, key: 'first' })).toEqual(first);
              expect(await bench.read(`${select} ORDER BY ${order}`)).toEqual(found);
            } finally {
              await bench.remove();
            }
          }),
          { numRuns: runs },
        );
      });
    });
  }
  it(`${warehouse}: a load that was answered is done again when the table was built anew without it`, async () => {
    const bench = await open();
    const spec = table({ onMissing: 'Ignore' });
    const [one, two] = await Promise.all([1, 2].map((id) => bench.slice({ day: id, rows: [{ id }] })));
    if (!one || !two) throw new Error('two slices');
    const first = await bench.load([one], { spec, key: 'first' });
    await bench.load([two], { spec, rebuild: true });
    expect(await bench.load([one], { spec, key: 'first' })).toMatchObject({ ledger: first.ledger, rows: 2 });
    expect(await bench.read('SELECT count(*)::INTEGER AS n FROM usajobs.postings')).toEqual([{ n: 2 }]);
    expect(await bench.load([one], { spec, key: 'first' })).toMatchObject({ rows: 2 });
    await bench.remove();
  });
}

const pick = (row: object, names: readonly string[]): object =>
  Object.fromEntries(Object.entries(row).filter(([name]) => names.includes(name)));
