import type { Model } from '../../../api/index.ts';
import { nearest } from '../../../api/problem.ts';
import { TerminalError } from '../../../run/errors.ts';
import type { ColumnSchema, Notice } from '../../../run/types.ts';
import { identifier, literal } from '../../duckdb.ts';
import type { ModelOutcome, ModelRequest } from '../warehouse.ts';
import { type BrokenCheck, runChecks } from './checks.ts';
import {
  affected,
  canGoOn,
  exchange,
  forget,
  hasSameColumns,
  type Incremental,
  inputsNow,
  refuseDoubleKeys,
  remember,
  writeCandidate,
} from './incremental.ts';
import { insightOf } from './insight.ts';
import type { Session } from './session.ts';
import { columnsOf, commentColumns, dropIfExists, enterSchema, fingerprint } from './table.ts';

/**
 * Write, check, publish: the rows are written beside the model that readers see, checked there, and swapped in by
 * the commit. A view is checked as a table of its rows, so that every check sees the same ones.
 */
export async function buildModel(
  session: Session,
  { model, schema }: ModelRequest,
  inputs: readonly string[] | undefined,
): Promise<ModelOutcome> {
  await enterSchema(session, schema);
  if (model.materialize === 'Incremental') return buildIncremental(session, { model, schema, inputs });
  await forget(session, { model, schema });
  await writeAll(session, model);
  const outcome = await examine(session, model, schema);
  await publish(session, model);
  await comment(session, model, outcome.schema);
  return outcome;
}

/** A leading underscore is ours, so no dataset or model has this name. */
const candidateOf = ({ name }: Pick<Model, 'name'>): string => `_next_${name}`;

function writeAll(session: Session, model: Model): Promise<void> {
  const temporary = model.materialize === 'View' ? 'TEMP' : '';
  return session.run(`CREATE ${temporary} TABLE ${identifier(candidateOf(model))} AS ${model.sql}`);
}

/** Checks, counts and tells about the rows that are about to become the model. */
async function examine(session: Session, model: Model, schema: string): Promise<ModelOutcome> {
  const candidate = candidateOf(model);
  const columns = await columnsOf(session, `FROM ${identifier(candidate)}`);
  const described = describe(model, columns);
  await refuseDoubleKeys(session, model, candidate);
  const { passed, notices } = judge(model, await runChecks(session, model, schema, candidate));
  const names = columns.map(({ name }) => name);
  const { rows, rowsHash } = await fingerprint(session, candidate, names);
  const insight = await insightOf(session, model, candidate, rows, columns);
  return { ledger: { rows, passed, warned: notices.length, failed: 0 }, rowsHash, schema: described, notices, insight };
}

/**
 * Changes only what changed since the last build; the result is the same as if all of it were built. Where the table
 * that is there was made by another SELECT, all of it is.
 */
async function buildIncremental(session: Session, of: Omit<Incremental, 'by'>): Promise<ModelOutcome> {
  const { model, schema } = of;
  const whole = { ...of, by: model.key ?? model.partitionBy ?? [] };
  const how = { ...whole, inputs: await inputsWithKey(session, whole) };
  const candidate = identifier(candidateOf(model));
  const goesOn = (await canGoOn(session, how)) && (await change(session, how));
  if (!goesOn) await writeAll(session, model);
  const outcome = await examine(session, model, schema);
  if (goesOn) await session.run(`DROP VIEW ${candidate}`);
  else await publish(session, model);
  await comment(session, model, outcome.schema);
  await remember(session, how);
  for (const name of [affected, inputsNow]) await session.run(`DROP TABLE IF EXISTS ${name}`);
  return outcome;
}

/** The inputs of a model, when each of them has its key. */
async function inputsWithKey(
  session: Session,
  { inputs = [], by }: Incremental,
): Promise<readonly string[] | undefined> {
  for (const input of inputs) {
    const columns = (await columnsOf(session, `FROM ${identifier(input)}`)).map(({ name }) => name);
    if (!by.every((name) => columns.includes(name))) return undefined;
  }
  return inputs.length > 0 ? inputs : undefined;
}

/** Changes the table that is there and lets the candidate stand for it; false when its columns are others now. */
async function change(session: Session, how: Incremental): Promise<boolean> {
  const { model, schema } = how;
  const changed = `_changed_${model.name}`;
  await writeCandidate(session, how, changed);
  const fits = await hasSameColumns(session, how, changed);
  if (fits) await exchange(session, how, changed);
  await session.run(`DROP TABLE ${identifier(changed)}`);
  if (!fits) return false;
  const table = `${identifier(schema)}.${identifier(model.name)}`;
  await session.run(`CREATE TEMP VIEW ${identifier(candidateOf(model))} AS FROM ${table}`);
  return true;
}

/** Warnings become notices; failures keep the model as it is. */
function judge({ name, checks }: Model, broken: readonly BrokenCheck[]): { passed: number; notices: Notice[] } {
  const failures = broken.filter(({ check }) => check.severity === 'Fail');
  if (failures.length > 0) {
    const told = failures.map(({ message }) => message).join('\n');
    throw new TerminalError('CheckFailed', `${told}\nNothing was published: readers see ${name} as it was before.`);
  }
  const notices = broken.map(({ message }) => ({ reason: 'CheckWarned', message }));
  return { passed: checks.length - broken.length, notices };
}

/** The columns of the result with their descriptions. */
function describe(
  model: Pick<Model, 'name' | 'columns'>,
  columns: readonly { readonly name: string; readonly type: string }[],
): ColumnSchema[] {
  const names = columns.map(({ name }) => name);
  const unknown = model.columns.find(({ name }) => !names.includes(name));
  if (unknown) {
    const near = nearest(unknown.name, names);
    throw new TerminalError(
      'ModelRefused',
      `model ${model.name} describes the column ${unknown.name}, which its SELECT does not give (${names.join(', ')})` +
        (near === undefined ? '' : `; did you mean ${near}?`),
    );
  }
  const descriptions = new Map(model.columns.map(({ name, description }) => [name, description]));
  return columns.map((column) => {
    const comment = descriptions.get(column.name);
    return comment === undefined ? column : { ...column, comment };
  });
}

async function publish(session: Session, model: Model): Promise<void> {
  const candidate = candidateOf(model);
  await dropIfExists(session, model.name);
  if (model.materialize === 'View') {
    await session.run(`DROP TABLE ${identifier(candidate)}`);
    await session.run(`CREATE VIEW ${identifier(model.name)} AS ${model.sql}`);
  } else {
    await session.run(`ALTER TABLE ${identifier(candidate)} RENAME TO ${identifier(model.name)}`);
  }
}

async function comment(session: Session, model: Model, columns: readonly ColumnSchema[]): Promise<void> {
  const kind = model.materialize === 'View' ? 'VIEW' : 'TABLE';
  if (model.description !== undefined) {
    await session.run(`COMMENT ON ${kind} ${identifier(model.name)} IS ${literal(model.description)}`);
  }
  await commentColumns(session, model.name, columns);
}
