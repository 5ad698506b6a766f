import { createHash } from 'node:crypto';
import type { TableSpec } from '../../../src/connectors/warehouses/warehouse.ts';
import type { Given, Posting } from './world.ts';

/** The rules of a load written a second time, over objects: what the table must hold after some slices. */
export interface Kept {
  readonly id: number;
  readonly title: string;
  readonly seen_at: string;
  readonly gone: boolean;
  readonly _row_hash: string;
  readonly _removed_at: string | null;
  readonly transfer_date: string;
}
export interface Version extends Kept {
  readonly _valid_from: string;
  readonly _valid_to: string | null;
  readonly _is_current: boolean;
}

const time = (day: number): string => `2026-11-${String(day).padStart(2, '0')} 02:00:00`;
const dateOf = (day: number): string => (day === 1 ? '2026-10-31' : time(day - 1).slice(0, 10));

/** Where a slice stands: snapshots by their day, windows by what they are about. */
const placeOf = ({ day, window }: Given): string =>
  [...(window ? [window[1], day, window[0]] : [day])].map((each) => String(each).padStart(3, '0')).join(' ');

/** What the table holds once all slices are in it, whatever the order in which they came. */
export function foldOf(given: readonly Given[], spec: TableSpec): readonly Kept[] {
  const slices = given.toSorted((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  const folds = {
    Merge: merge,
    Replace: replace,
    SCD2: spec.version === undefined ? history : versions,
    Append: append,
  };
  return folds[spec.load.mode](slices, spec).toSorted((a, b) => a.id - b.id || (sortText(a) < sortText(b) ? -1 : 1));
}
const sortText = (row: Partial<Version>): string => `${row._valid_from} ${row.transfer_date} ${row._row_hash}`;

function keep({ id, title = '', seen_at = '', gone = false }: Posting, day: number, { load }: TableSpec): Kept {
  const texts = [String(id), title, null, null, seen_at, ...(load.tombstone === undefined ? [] : [String(gone)])];
  const _row_hash = createHash('md5').update(JSON.stringify(texts)).digest('hex');
  // A column that says so makes a row a tombstone only where it is declared as one.
  const isGone = load.tombstone !== undefined && gone;
  const _removed_at = isGone ? time(day) : null;
  return { id: id ?? 0, title, seen_at, gone: isGone, _row_hash, _removed_at, transfer_date: dateOf(day) };
}

/** The greatest row of each key of a slice. */
function winners({ rows, day }: Given, spec: TableSpec): Kept[] {
  const kept = rows.map((row) => keep(row, day, spec));
  return [...Map.groupBy(kept, ({ id }) => id).values()].map((rivals) =>
    rivals.reduce((a, b) => (rank(b, spec) > rank(a, spec) ? b : a)),
  );
}
const rank = ({ seen_at, _row_hash }: Kept, { version }: TableSpec): string =>
  `${version === undefined ? '' : seen_at} ${_row_hash}`;

const wentMissing = ({ _removed_at, gone }: Kept): boolean => _removed_at !== null && !gone;

function merge(slices: readonly Given[], spec: TableSpec): Kept[] {
  const kept = new Map<number, Kept>();
  for (const [at, slice] of slices.entries()) {
    for (const row of missingFrom(slice, slices[at - 1], [...kept.values()], spec)) {
      kept.set(row.id, { ...row, _removed_at: time(slice.day) });
    }
    for (const row of winners(slice, spec)) {
      const old = kept.get(row.id);
      const stays =
        old &&
        !wentMissing(old) &&
        (spec.version ? rank(row, spec) <= rank(old, spec) : row._row_hash === old._row_hash);
      if (!stays) kept.set(row.id, row);
    }
  }
  return [...kept.values()];
}

/** The live rows that a snapshot lacks, if it can be believed. */
function missingFrom(slice: Given, previous: Given | undefined, kept: readonly Kept[], { load }: TableSpec): Kept[] {
  if (load.onMissing === 'Ignore') return [];
  const { rows, alsoSeen = [], params, total, incomplete } = slice;
  const seen = new Set([...rows.map(({ id }) => id), ...alsoSeen]);
  const live = kept.filter(({ _removed_at }) => _removed_at === null);
  const missing = live.filter(({ id }) => !seen.has(id));
  const sameParams = previous === undefined || previous.params === params;
  const few = missing.length * 100 <= load.maxMissingPercent * live.length;
  const isWhole = !incomplete && sameParams && (total === undefined || total === seen.size);
  return isWhole && few ? missing : [];
}

function replace(slices: readonly Given[], spec: TableSpec): Kept[] {
  let kept = new Map<number, Kept>();
  for (const slice of slices.filter(({ incomplete }) => !incomplete)) {
    const came = winners(slice, spec).map((row) => {
      const old = kept.get(row.id);
      return old?._row_hash === row._row_hash ? old : row;
    });
    kept = new Map(came.map((row) => [row.id, row]));
  }
  return [...kept.values()];
}

interface Span {
  readonly row: Kept;
  readonly from: string;
  readonly removed?: string;
}

/** Each change begins a span; a later look at the same moment takes the place of an earlier one. */
function history(slices: readonly Given[], spec: TableSpec): Version[] {
  const spans = new Map<number, Span[]>();
  for (const [at, slice] of slices.entries()) {
    const now = time(slice.window?.[1] ?? slice.day);
    const current = [...spans.values()]
      .flatMap((all) => all.at(-1) ?? [])
      .filter(({ removed }) => removed === undefined);
    for (const { id } of missingFrom(
      slice,
      slices[at - 1],
      current.map(({ row }) => row),
      spec,
    )) {
      spans.set(
        id,
        (spans.get(id) ?? []).map((span, i, all) => (i === all.length - 1 ? { ...span, removed: now } : span)),
      );
    }
    for (const row of winners(slice, spec)) {
      const all = spans.get(row.id) ?? [];
      const last = all.at(-1);
      if (last && last.removed === undefined && last.row._row_hash === row._row_hash) continue;
      const before = last?.from === now ? all.slice(0, -1) : all;
      const isBack = before.at(-1)?.removed === undefined && before.at(-1)?.row._row_hash === row._row_hash;
      spans.set(row.id, isBack ? before : [...before, { row, from: now }]);
    }
  }
  return [...spans.values()].flatMap(ended);
}

/** Each version of a row begins a span; of rows with one version the greatest hash counts. */
function versions(slices: readonly Given[], spec: TableSpec): Version[] {
  const rows = slices.flatMap((slice) => slice.rows.map((row) => keep(row, slice.day, spec)));
  return [...Map.groupBy(rows, ({ id }) => id).values()].flatMap((ofKey) => {
    const moments = [...Map.groupBy(ofKey, ({ seen_at }) => seen_at).entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    return ended(
      moments.map(([from, rivals]) => ({ from, row: rivals.reduce((a, b) => (b._row_hash > a._row_hash ? b : a)) })),
    );
  });
}

const ended = (spans: readonly Span[]): Version[] =>
  spans.map(({ row, from, removed }, at) => {
    const _valid_to = removed ?? spans[at + 1]?.from ?? null;
    return { ...row, _removed_at: removed ?? null, _valid_from: from, _valid_to, _is_current: _valid_to === null };
  });

/** All rows of all slices; of several looks at a window those of the last. */
function append(slices: readonly Given[], spec: TableSpec): Kept[] {
  const looks = Map.groupBy(slices, ({ day, window }) => window?.join() ?? `at ${day}`);
  const last = [...looks.values()].map((each) => each.reduce((a, b) => (b.day > a.day ? b : a)));
  return last.flatMap((slice) => slice.rows.map((row) => keep(row, slice.day, spec)));
}
