import type { LoadLedger } from '../../../run/types.ts';
import { identifier } from '../../duckdb.ts';
import type { TableSpec } from '../warehouse.ts';
import { countDifferences, noteArrivals } from './difference.ts';
import { bring, incoming, type LocalSlice, sameKey } from './incoming.ts';
import type { Session } from './session.ts';
import { classify, write } from './slice.ts';
import { keyOf } from './table.ts';

/** Keys of the rows that a load is about. */
export const touched = '_touched';
/** Their rows in the table before and after the load. */
export const before = '_before';
export const after = '_after';

/** What a late load is about. */
export interface Late {
  /** The slices it brings. */
  readonly given: readonly LocalSlice[];
  /** Known slices that these take the place of. */
  readonly replaced: readonly LocalSlice[];
  /** All slices the table is made of from now on. */
  readonly all: readonly LocalSlice[];
}

/**
 * Recomputes from all slices the rows whose keys are in some of them. What a slice says about a key depends on that key
 * alone here, so the result is the same as if the whole table were built anew.
 */
export async function recompute(
  session: Session,
  table: TableSpec,
  { given, replaced, all }: Late,
): Promise<LoadLedger> {
  const target = identifier(table.name);
  const keys = `SELECT DISTINCT ${keyOf(table)} FROM ${incoming}`;
  await bring(session, table, given);
  await noteArrivals(session, table, given);
  await session.run(`CREATE OR REPLACE TEMP TABLE ${touched} AS ${keys}`);
  await bring(session, table, replaced);
  await session.run(`INSERT INTO ${touched} ${keys}`);
  const isTouched = `EXISTS (FROM ${touched} k WHERE ${sameKey(table, 'k', target)})`;
  await session.run(`CREATE OR REPLACE TEMP TABLE ${before} AS FROM ${target} WHERE ${isTouched}`);
  await session.run(`DELETE FROM ${target} WHERE ${isTouched}`);
  await bring(session, table, all, touched);
  await classify(session, table.name, table, all);
  await write(session, table.name, table);
  await session.run(`CREATE OR REPLACE TEMP TABLE ${after} AS FROM ${target} WHERE ${isTouched}`);
  return countDifferences(session, table, before, after);
}
