import { sumLoad } from '../../../run/ledger.ts';
import type { LoadLedger, Notice } from '../../../run/types.ts';
import { identifier } from '../../duckdb.ts';
import { type LoadOutcome, type LoadRequest, type LoadSlice, placeOf, type TableSpec } from '../warehouse.ts';
import { knownSlices, rememberSlices, storedOutcome, storeOutcome } from './bookkeeping.ts';
import { arrivals, countDifferences, forgetArrivals, noteArrivals } from './difference.ts';
import { seenKeys } from './missing.ts';
import type { Session } from './session.ts';
import { type Applied, applySlice, changes, type LocalSlice } from './slice.ts';
import { columnsOf, createTable, dropIfExists, enterSchema, fingerprint, kindOf } from './table.ts';

/**
 * Brings snapshots into a table. The table always is the fold of `applySlice` over the snapshots it is made of, in
 * the order of their `asOf`: one that is newer than all is applied to the table as it is; for one that comes late,
 * or again with other files, the table is built anew beside the old one and swapped in.
 */
export async function loadTable(session: Session, request: LoadRequest): Promise<LoadOutcome> {
  const stored = await storedOutcome(session, request);
  if (stored) return stored;
  const { table } = request;
  await enterSchema(session, table.schema);
  const known = await knownSlices(session, table);
  const { ledger, notices } = (await fitsOnTop(session, request, known))
    ? await applyOnTop(session, request, known)
    : await buildAnew(session, request, known);
  await rememberSlices(session, request);
  for (const name of temporary) await session.run(`DROP TABLE IF EXISTS ${name}`);
  const outcome = { ledger, notices, ...(await fingerprint(session, table.name, fingerprinted(table))) };
  await storeOutcome(session, request, outcome);
  return outcome;
}

const temporary = [changes, arrivals, seenKeys];

/** What readers of a table depend on: models are built again when the hash over these changes. */
const fingerprinted = ({ key }: TableSpec): string[] => [...key, '_row_hash', '_removed_at', 'transfer_date'];

/** Snapshots by time; one that is given again replaces the one that is known. */
function inOrder(known: readonly LoadSlice[], given: readonly LoadSlice[]): LoadSlice[] {
  const byPlace = new Map([...known, ...given].map((slice) => [placeOf(slice), slice]));
  return [...byPlace.values()].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

async function fitsOnTop(session: Session, { table, slices, rebuild }: LoadRequest, known: readonly LoadSlice[]) {
  const [slice] = slices;
  const last = known.at(-1);
  // Snapshots say what has gone since the one before, each with a notice of its own: they come one by one.
  if (rebuild || !slice || !last || (slices.length > 1 && slice.start === undefined)) return false;
  // Appended snapshots do not touch each other's rows.
  const isNext = table.load.mode === 'Append' ? !isLate(slices, known) : placeOf(slice) > placeOf(last);
  return isNext && (await kindOf(session, table.name)) === 'TABLE';
}

/** Whether a window was looked at again later than here, and is in the table as it was then. */
const isLate = (slices: readonly LoadSlice[], known: readonly LoadSlice[]): boolean =>
  slices.some(({ start, end, asOf }) =>
    known.some((other) => start !== undefined && other.start === start && other.end === end && other.asOf > asOf),
  );

interface Loaded {
  readonly ledger: LoadLedger;
  readonly notices: readonly Notice[];
}

async function applyOnTop(session: Session, request: LoadRequest, known: readonly LoadSlice[]): Promise<Loaded> {
  const { table, slices } = request;
  let applied = none;
  for (const slice of slices) {
    const now = await applySlice(session, table.name, table, await locate(request, slice), known.at(-1));
    applied = { ...sumLoad([applied, now]), ...(now.notice ? { notice: now.notice } : {}) };
  }
  return split(applied);
}

const none: Applied = { clean: 0, added: 0, modified: 0, unchanged: 0, superseded: 0, marked: 0, deleted: 0 };

async function buildAnew(session: Session, request: LoadRequest, known: readonly LoadSlice[]): Promise<Loaded> {
  const { table } = request;
  const slices = inOrder(request.rebuild ? [] : known, request.slices);
  // A leading underscore is ours, so no dataset or model has this name.
  const next = `_next_${table.name}`;
  const given = new Set(request.slices.map(placeOf));
  await createTable(session, next, table);
  await forgetArrivals(session);
  let applied = none;
  let clean = 0;
  for (const [at, slice] of slices.entries()) {
    const now = await applySlice(session, next, table, await locate(request, slice), slices[at - 1]);
    if (!given.has(placeOf(slice))) continue;
    await noteArrivals(session, table);
    clean += now.clean;
    applied = now;
  }
  const old = known.length > 0 && (await isComparable(session, table)) ? table.name : undefined;
  const ledger = { clean, ...(await countDifferences(session, table, old, next, clean)) };
  await dropIfExists(session, table.name);
  await session.run(`ALTER TABLE ${identifier(next)} RENAME TO ${identifier(table.name)}`);
  // Older snapshots were told about when they were loaded.
  return { ledger, notices: split(applied).notices };
}

/** Whether the rows of the table that is there can be told apart by today's key. */
async function isComparable(session: Session, table: TableSpec): Promise<boolean> {
  if ((await kindOf(session, table.name)) !== 'TABLE') return false;
  const columns = (await columnsOf(session, `FROM ${identifier(table.name)}`)).map(({ name }) => name);
  return fingerprinted(table).every((name) => columns.includes(name));
}

const locate = async ({ locate }: LoadRequest, slice: LoadSlice): Promise<LocalSlice> => ({
  ...slice,
  localFiles: await locate(slice.files),
  localSeen: await locate(slice.seen),
});

const split = ({ notice, ...ledger }: Applied): Loaded => ({ ledger, notices: notice ? [notice] : [] });
