import { sliceName } from '../../../lake/layout.ts';
import type { LoadLedger, Notice } from '../../../run/types.ts';
import { identifier, literals } from '../../duckdb.ts';
import { type LoadSlice, placeOf, sliceOf, type TableSpec } from '../warehouse.ts';
import { classified, lastLooks } from './classify.ts';
import { bring, helpers, incoming, type LocalSlice, sameKey } from './incoming.ts';
import { handleMissing, nothingMissing } from './missing.ts';
import type { Session } from './session.ts';
import { keyOf } from './table.ts';

/** What slices did to a table. */
export interface Applied {
  readonly ledger: LoadLedger;
  readonly notice?: Notice;
}

/** Incoming rows, each with what it does to the table. */
export const changes = '_changes';

/** What else is known when slices are applied. */
export interface Around {
  /** The slice before them. */
  readonly previous: LoadSlice | undefined;
  /** All slices of the table. */
  readonly all: readonly LoadSlice[];
}

/**
 * Applies slices to a table that holds all earlier ones; as one or one after the other, the result is the same. The
 * state of a table is the fold of this function over its slices in the order of their places, whatever the order in
 * which they came.
 */
export async function applySlices(
  session: Session,
  target: string,
  table: TableSpec,
  slices: readonly LocalSlice[],
  { previous, all }: Around,
): Promise<Applied> {
  await bring(session, table, slices);
  const [slice] = slices;
  if (table.load.mode === 'Replace' && slice) return replace(session, target, table, slice);
  const counts = await classify(session, target, table, all);
  if (table.load.mode === 'Append') {
    const last = new Set(lastLooks(all).map(placeOf));
    const current = slices.filter((each) => last.has(placeOf(each))).map((each) => sliceName(sliceOf(each)));
    await session.run(`DELETE FROM ${identifier(target)} WHERE list_contains(${literals(current)}::VARCHAR[], _slice)`);
  }
  const { notice, ...missing } =
    slice && judgesAbsence(table) ? await handleMissing(session, target, table, slice, previous) : nothingMissing;
  await write(session, target, table);
  const ledger = { ...counts, marked: counts.marked + missing.marked, deleted: missing.deleted };
  return { ledger, ...(notice === undefined ? {} : { notice }) };
}

/** Judges the incoming rows and counts them. */
export async function classify(
  session: Session,
  target: string,
  table: TableSpec,
  all: readonly LoadSlice[],
): Promise<LoadLedger> {
  await session.run(`CREATE OR REPLACE TEMP TABLE ${changes} AS ${classified(target, table, all)}`);
  const of = (change: string) => `count(*) FILTER (WHERE _change = '${change}') AS ${change}`;
  const found = await session.row(
    `SELECT count(*) AS clean, ${['added', 'modified', 'unchanged', 'superseded'].map(of).join(', ')},
       count(*) FILTER (WHERE _change IN ('added', 'modified') AND _removed_at IS NOT NULL) AS marked FROM ${changes}`,
  );
  const count = (name: string) => Number(found[name]);
  return {
    clean: count('clean'),
    added: count('added'),
    modified: count('modified'),
    unchanged: count('unchanged'),
    superseded: count('superseded'),
    marked: count('marked'),
    deleted: 0,
  };
}

/** Brings the judged rows into the table. */
export async function write(session: Session, target: string, table: TableSpec): Promise<void> {
  const news = `FROM ${changes} WHERE _change IN ('added', 'modified')`;
  if (table.load.mode === 'SCD2') return writeVersions(session, target, table, news);
  const row = `* EXCLUDE (_change, ${helpers.join(', ')})`;
  if (table.load.mode === 'Append') {
    await session.run(`INSERT INTO ${identifier(target)} BY NAME SELECT ${row} ${news}`);
    return;
  }
  // A row that changes is written whole, so that whoever mirrors the table can tell it from one that stays.
  await session.run(
    `DELETE FROM ${identifier(target)} t WHERE EXISTS (SELECT 1 ${news} AND ${sameKey(table, changes, 't')})`,
  );
  await session.run(
    `INSERT INTO ${identifier(target)} BY NAME
     SELECT ${row} ${news} QUALIFY row_number() OVER (PARTITION BY ${keyOf(table)} ORDER BY _place DESC) = 1`,
  );
}

/** Each version holds until the next begins. */
async function writeVersions(session: Session, target: string, table: TableSpec, news: string): Promise<void> {
  const first = `SELECT ${keyOf(table)}, min(_from) AS _from ${news} GROUP BY ${keyOf(table)}`;
  await session.run(
    `UPDATE ${identifier(target)} t SET _valid_to = s._from, _is_current = false
     FROM (${first}) s WHERE t._is_current AND ${sameKey(table, 's', 't')}`,
  );
  await session.run(
    `INSERT INTO ${identifier(target)} BY NAME
     SELECT * EXCLUDE (_change, ${helpers.join(', ')}), _from AS _valid_from,
       lead(_from) OVER (PARTITION BY ${keyOf(table)} ORDER BY _from) AS _valid_to, _valid_to IS NULL AS _is_current ${news}`,
  );
}

/** The table becomes the snapshot, if that is whole; rows that stay the same are left alone. */
async function replace(session: Session, target: string, table: TableSpec, slice: LocalSlice): Promise<Applied> {
  const counts = await classify(session, target, table, [slice]);
  if (slice.incomplete !== undefined) {
    const message = `${table.name} was not replaced by the snapshot of ${slice.asOf}: ${slice.incomplete}`;
    const ledger = { ...nothingLoaded, clean: counts.clean, superseded: counts.clean };
    return { ledger, notice: { reason: 'SnapshotShrank', message } };
  }
  const name = identifier(target);
  const gone = `FROM ${name} WHERE NOT EXISTS (FROM ${incoming} s WHERE ${sameKey(table, 's', name)})`;
  const { deleted } = await session.row(`SELECT count(*) AS deleted ${gone}`);
  await session.run(`DELETE ${gone}`);
  await write(session, target, table);
  return { ledger: { ...counts, deleted: Number(deleted) } };
}

export const nothingLoaded: LoadLedger = {
  ...{ clean: 0, added: 0, modified: 0, unchanged: 0, superseded: 0, marked: 0, deleted: 0 },
};

/**
 * The slices that are applied together. What a snapshot lacks says something about rows that it does not hold, so
 * such snapshots are applied one by one.
 */
export function batches(table: TableSpec, slices: readonly LoadSlice[]): (readonly LoadSlice[])[] {
  const size = judgesAbsence(table) ? 1 : table.load.mode === 'SCD2' ? slices.length : slicesAtOnce;
  const found: (readonly LoadSlice[])[] = [];
  for (let at = 0; at < slices.length; at += size) found.push(slices.slice(at, at + size));
  return found;
}

const slicesAtOnce = 500;

/** Whether a slice changes rows that it does not hold. */
export const judgesAbsence = ({ load: { mode, onMissing } }: TableSpec): boolean =>
  mode === 'Replace' || (mode !== 'Append' && onMissing !== 'Ignore');
