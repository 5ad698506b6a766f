import { identifier, literal } from '../../duckdb.ts';
import { buildModel } from '../duckdb/model.ts';
import { columnsOf } from '../duckdb/table.ts';
import type { ModelOutcome, ModelRequest } from '../warehouse.ts';
import { bringLedger, enterSchema, lock, openLedgers, writeLedger } from './ledgers.ts';
import { applyDifference, bringWas, bringWhole, difference, type Places, place, qualified, wasOf } from './mirror.ts';
import { columnsThere, createTable, describeTable, dropTable, sameColumns } from './tables.ts';

/** What the SQL of a model reads, and what rows of it can be computed alone. */
export interface ModelReads {
  /** Tables that its texts name. */
  readonly tables: readonly string[];
  /** See `inputsByKey`. */
  readonly inputs: readonly string[] | undefined;
}

/**
 * Builds a model as the embedded warehouse does, over a mirror of the tables that it reads. Readers see the rows change
 * in one moment; those that stay the same are not written.
 */
export async function build(
  places: Places,
  request: ModelRequest,
  { tables, inputs }: ModelReads,
): Promise<ModelOutcome> {
  const { database, session } = places;
  const { schema, model } = request;
  const table = { schema, name: model.name };
  await lock(database, schema);
  await openLedgers(places);
  await enterSchema(database, schema);
  const about = `model = ${literal(`${schema}.${model.name}`)}`;
  await bringLedger(places, 'models', about);
  await bringLedger(places, 'inputs', about);
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${identifier(schema)}`);
  for (const name of tables) {
    const columns = await columnsThere(database, { schema, name });
    if (columns) await bringWhole(places, { schema, name }, columns);
  }
  const before = await columnsThere(database, table);
  if (before) await database.run(`LOCK TABLE ${qualified(table)} IN SHARE ROW EXCLUSIVE MODE`);
  if (before) await bringWas(places, table, before);
  if (before && model.materialize === 'Incremental') {
    await session.run(`CREATE TABLE ${qualified(table)} AS SELECT * EXCLUDE (${place}) FROM ${wasOf(table)}`);
  }
  const outcome = await buildModel(session, { ...request, model: asTable(model) }, inputs);
  const columns = await columnsOf(session, `FROM ${qualified(table)}`);
  if (before && sameColumns(before, columns)) await applyDifference(places, table, difference(table, columns));
  else {
    if (before) await dropTable(database, table);
    await createTable(places, table, columns, `FROM ${qualified(table)}`);
  }
  await describeTable(places, table, columns);
  for (const ledger of ['models', 'inputs'] as const) await writeLedger(places, ledger);
  return outcome;
}

/** A view here would have to speak PostgreSQL's SQL. */
const asTable = (model: ModelRequest['model']): ModelRequest['model'] =>
  model.materialize === 'View' ? { ...model, materialize: 'Table' } : model;
