import { sumLoad } from '../../../run/ledger.ts';
import type { LoadLedger, Notice } from '../../../run/types.ts';
import { identifier } from '../../duckdb.ts';
import { type LoadOutcome, type LoadRequest, type LoadSlice, placeOf, type TableSpec } from '../warehouse.ts';
import { knownSlices, rememberSlices, storedOutcome, storeOutcome } from './bookkeeping.ts';
import { arrivals, countDifferences, forgetArrivals, noteArrivals } from './difference.ts';
import { incoming, type LocalSlice, validFrom } from './incoming.ts';
import { seenKeys } from './missing.ts';
import { dropReplaced, makeRoom } from './replaced.ts';
import type { Session } from './session.ts';
import { applySlices, batches, changes, judgesAbsence, nothingLoaded } from './slice.ts';
import { columnsOf, createTable, enterSchema, fingerprint, kindOf } from './table.ts';
import { after, before, recompute, touched } from './touched.ts';

/**
 * Brings slices into a table. The table always is the fold of `applySlices` over the slices it is made of, in the
 * order of their places: those that are newer than all are applied to the table as it is. For those that come late, or
 * again with other files, the keys in them are recomputed from all slices; where a slice also speaks of rows that it does
 * not hold, the table is built anew beside the old one and swapped in.
 */
export async function loadTable(session: Session, request: LoadRequest): Promise<LoadOutcome> {
  const { table } = request;
  const answer = await answerTo(session, request);
  if (answer) return answer;
  await enterSchema(session, table.schema);
  const { ledger, notices } = await bringIn(session, request, await knownSlices(session, table));
  await rememberSlices(session, request);
  await dropReplaced(session, table);
  for (const name of temporary) await session.run(`DROP TABLE IF EXISTS ${name}`);
  const outcome = { ledger, notices, ...(await fingerprint(session, table.name, fingerprinted(table))) };
  await storeOutcome(session, request, outcome);
  return outcome;
}

/**
 * The answer that a load was given before, if it was and still holds: the table may have been built anew since by
 * somebody who did not know of it.
 */
export async function answerTo(session: Session, request: LoadRequest): Promise<LoadOutcome | undefined> {
  const stored = await storedOutcome(session, request);
  if (!stored) return undefined;
  const places = new Set((await knownSlices(session, request.table)).map(placeOf));
  return request.slices.every((slice) => places.has(placeOf(slice))) ? stored : undefined;
}

const temporary = [incoming, changes, arrivals, seenKeys, touched, before, after];

/** What readers of a table depend on: models are built again when the hash over these changes. */
const fingerprinted = ({ key, load }: TableSpec): string[] => [
  ...[...key, '_row_hash', '_removed_at', 'transfer_date'],
  ...(load.mode === 'SCD2' ? ['_valid_from', '_valid_to'] : []),
];

interface Loaded {
  readonly ledger: LoadLedger;
  readonly notices: readonly Notice[];
}

async function bringIn(session: Session, request: LoadRequest, known: readonly LoadSlice[]): Promise<Loaded> {
  const { table, slices, rebuild } = request;
  const isThere = known.length > 0 && (await kindOf(session, table.name)) === 'TABLE';
  if (rebuild || !isThere) return buildAnew(session, request, known);
  if (isNext(table, slices, known)) return applyOnTop(session, request, known);
  return judgesAbsence(table) ? buildAnew(session, request, known) : applyLate(session, request, known);
}

/** Whether slices can be applied to the table as it is. */
function isNext(table: TableSpec, slices: readonly LoadSlice[], known: readonly LoadSlice[]): boolean {
  // Appended slices do not touch each other's rows.
  if (table.load.mode === 'Append') return true;
  // Snapshots that say what has gone since the one before, each with a notice of its own, come one by one.
  if (judgesAbsence(table) && slices.length > 1) return false;
  if (table.load.mode !== 'SCD2') {
    const last = known.map(placeOf).reduce((a, b) => (a > b ? a : b));
    return slices.every((slice) => placeOf(slice) > last);
  }
  // A version may belong between two others whenever it comes.
  const last = known.map(validFrom).reduce((a, b) => (a > b ? a : b));
  return table.version === undefined && slices.every((slice) => validFrom(slice) > last);
}

/** Slices by place; one that is given again replaces the one that is known. */
function inOrder(known: readonly LoadSlice[], given: readonly LoadSlice[]): LoadSlice[] {
  const byPlace = new Map([...known, ...given].map((slice) => [placeOf(slice), slice]));
  return [...byPlace.values()].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}

async function applyOnTop(session: Session, request: LoadRequest, known: readonly LoadSlice[]): Promise<Loaded> {
  const { table, slices } = request;
  const all = inOrder(known, slices);
  let ledger = nothingLoaded;
  const notices: Notice[] = [];
  let previous = known.at(-1);
  for (const batch of batches(table, slices)) {
    const applied = await applySlices(session, table.name, table, await locateAll(request, batch), { previous, all });
    ledger = sumLoad([ledger, applied.ledger]);
    if (applied.notice) notices.push(applied.notice);
    previous = batch.at(-1);
  }
  return { ledger, notices };
}

async function applyLate(session: Session, request: LoadRequest, known: readonly LoadSlice[]): Promise<Loaded> {
  const { table, slices } = request;
  const places = new Set(slices.map(placeOf));
  const replaced = known.filter((slice) => places.has(placeOf(slice)));
  await forgetArrivals(session);
  const ledger = await recompute(session, table, {
    given: await locateAll(request, slices),
    replaced: await locateAll(request, replaced),
    all: await locateAll(request, inOrder(known, slices)),
  });
  return { ledger, notices: [] };
}

async function buildAnew(session: Session, request: LoadRequest, known: readonly LoadSlice[]): Promise<Loaded> {
  const { table, slices } = request;
  const all = inOrder(request.rebuild ? [] : known, slices);
  // A leading underscore is ours, so no dataset or model has this name.
  const next = `_next_${table.name}`;
  await createTable(session, next, table);
  await forgetArrivals(session);
  const brought = new Set(slices);
  let notice: Notice | undefined;
  let previous: LoadSlice | undefined;
  for (const batch of batches(table, all)) {
    const applied = await applySlices(session, next, table, await locateAll(request, batch), { previous, all });
    const given = batch.filter((slice) => brought.has(slice));
    if (given.length > 0) await noteArrivals(session, table, given);
    // Older slices were told about when they were loaded.
    if (given.length > 0) notice = applied.notice;
    previous = batch.at(-1);
  }
  const old = known.length > 0 && (await isComparable(session, table)) ? table.name : undefined;
  const ledger = await countDifferences(session, table, old, next);
  await makeRoom(session, table);
  await session.run(`ALTER TABLE ${identifier(next)} RENAME TO ${identifier(table.name)}`);
  return { ledger, notices: notice ? [notice] : [] };
}

/** Whether the rows of the table that is there can be told apart by today's key. */
async function isComparable(session: Session, table: TableSpec): Promise<boolean> {
  if ((await kindOf(session, table.name)) !== 'TABLE') return false;
  const columns = (await columnsOf(session, `FROM ${identifier(table.name)}`)).map(({ name }) => name);
  return fingerprinted(table).every((name) => columns.includes(name));
}

async function locateAll({ locate, table }: LoadRequest, slices: readonly LoadSlice[]): Promise<LocalSlice[]> {
  const local: LocalSlice[] = [];
  for (const slice of slices) {
    const localSeen = judgesAbsence(table) ? await locate(slice.seen) : [];
    local.push({ ...slice, localFiles: await locate(slice.files), localSeen });
  }
  return local;
}
