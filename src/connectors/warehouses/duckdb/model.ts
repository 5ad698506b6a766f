import type { Model } from '../../../api/index.ts';
import { nearest } from '../../../api/problem.ts';
import { TerminalError } from '../../../run/errors.ts';
import type { ColumnSchema, Notice } from '../../../run/types.ts';
import { identifier, literal } from '../../duckdb.ts';
import type { ModelOutcome, ModelRequest } from '../warehouse.ts';
import { type BrokenCheck, runChecks } from './checks.ts';
import { insightOf } from './insight.ts';
import type { Session } from './session.ts';
import { columnsOf, commentColumns, dropIfExists, enterSchema, fingerprint } from './table.ts';

/**
 * Write, check, publish: the rows are written beside the model that readers see, checked there, and swapped in by
 * the commit. A view is checked as a table of its rows, so that every check sees the same ones.
 */
export async function buildModel(session: Session, { model, schema }: ModelRequest): Promise<ModelOutcome> {
  await enterSchema(session, schema);
  // A leading underscore is ours, so no dataset or model has this name.
  const candidate = `_next_${model.name}`;
  const temporary = model.materialize === 'View' ? 'TEMP' : '';
  await session.run(`CREATE ${temporary} TABLE ${identifier(candidate)} AS ${model.sql}`);
  const columns = await columnsOf(session, `FROM ${identifier(candidate)}`);
  const described = describe(model, columns);
  const { passed, notices } = judge(model, await runChecks(session, model, schema, candidate));
  const names = columns.map(({ name }) => name);
  const { rows, rowsHash } = await fingerprint(session, candidate, names);
  const insight = await insightOf(session, model, candidate, rows, columns);
  await publish(session, model, candidate);
  await comment(session, model, described);
  const ledger = { rows, passed, warned: notices.length, failed: 0 };
  return { ledger, rowsHash, schema: described, notices, insight };
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

async function publish(session: Session, model: Model, candidate: string): Promise<void> {
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
