import type { Model } from '../../../api/index.ts';
import { functionsDigest } from '../../../enrich/index.ts';
import { TerminalError } from '../../../run/errors.ts';
import { digestOf } from '../../../run/key.ts';
import { canonicalText, rowsHash } from '../../canonical.ts';
import { identifier, literal } from '../../duckdb.ts';
import { withoutEnd } from './checks.ts';
import type { Session } from './session.ts';
import { columnsOf, kindOf, systemColumn } from './table.ts';

/** A model of which only what changed is written. */
export interface Incremental {
  readonly model: Model;
  readonly schema: string;
  /** Columns whose values name the rows that change together. */
  readonly by: readonly string[];
  /** Tables whose rows of some keys make the rows of these keys; absent when that cannot be told. */
  readonly inputs: readonly string[] | undefined;
}

/** Keys of the model whose rows change. */
export const affected = '_affected';
/** What is in the inputs now, by key. */
export const inputsNow = '_inputs';

const nameOf = ({ schema, model }: Incremental): string => literal(`${schema}.${model.name}`);

/** What makes the rows besides the inputs: a SQL function with a better rule gives other rows. */
const digest = ({ model: { sql }, by }: Incremental): string =>
  literal(digestOf({ sql, by: [...by], functions: functionsDigest([sql]) }));

/** Whether the table that is there was made by this SELECT, so that it can be gone on from. */
export async function canGoOn(session: Session, of: Incremental): Promise<boolean> {
  const [known] = await session.rows(
    `SELECT model FROM _jobpulse.models WHERE model = ${nameOf(of)} AND digest = ${digest(of)}`,
  );
  return known !== undefined && (await kindOf(session, of.model.name)) === 'TABLE';
}

/** Writes the rows that may have changed into a table of their own: of changed keys if that can be told, else all. */
export async function writeCandidate(session: Session, of: Incremental, candidate: string): Promise<void> {
  const { model, schema, inputs } = of;
  const create = `CREATE TEMP TABLE ${identifier(candidate)} AS`;
  if (!inputs) {
    await session.run(`${create} ${model.sql}`);
    return;
  }
  await lookAtInputs(session, of, inputs);
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${affected} AS
     SELECT DISTINCT coalesce(n._key, o.key) AS _key FROM ${inputsNow} n
     FULL JOIN (FROM _jobpulse.inputs WHERE model = ${nameOf(of)}) o ON o.input = n.input AND o.key = n._key
     WHERE n.hash IS DISTINCT FROM o.hash`,
  );
  // Each table is hidden behind those of its rows that count.
  const hidden = inputs.map((table) => {
    const isAffected = `${canonicalText(of.by)} IN (SELECT _key FROM ${affected})`;
    return `${identifier(table)} AS (SELECT * FROM ${identifier(schema)}.${identifier(table)} WHERE ${isAffected})`;
  });
  await session.run(`${create} WITH ${hidden.join(', ')} SELECT * FROM (${withoutEnd(model.sql)}\n)`);
}

/** Hashes the rows of each key of each input. */
async function lookAtInputs(session: Session, of: Incremental, inputs: readonly string[]): Promise<void> {
  const hashed: string[] = [];
  for (const input of inputs) {
    const columns = (await columnsOf(session, `FROM ${identifier(input)}`)).map(({ name }) => name);
    const key = canonicalText(of.by);
    hashed.push(
      `SELECT ${literal(input)} AS input, ${key} AS _key, ${rowsHash(telling(columns))} AS hash FROM ${identifier(input)} GROUP BY ${key}`,
    );
  }
  await session.run(`CREATE OR REPLACE TEMP TABLE ${inputsNow} AS ${hashed.join(' UNION ALL ')}`);
}

/** Of a dataset's table its own columns tell whether a row changed; of a model's all do. */
function telling(columns: readonly string[]): readonly string[] {
  const ours = columns.filter(systemColumn);
  return ours.includes('_row_hash') ? ours : columns;
}

/** Whether what was written has the columns of the table that is there. */
export async function hasSameColumns(session: Session, { model }: Incremental, candidate: string): Promise<boolean> {
  const [old, next] = [
    await columnsOf(session, `FROM ${identifier(model.name)}`),
    await columnsOf(session, `FROM ${identifier(candidate)}`),
  ];
  return JSON.stringify(old) === JSON.stringify(next);
}

/** Puts the rows of the changed keys in the place of those that are there. */
export async function exchange(session: Session, of: Incremental, candidate: string): Promise<void> {
  const table = identifier(of.model.name);
  const key = canonicalText(of.by);
  if (!of.inputs) await compare(session, of, candidate);
  const isAffected = `${key} IN (SELECT _key FROM ${affected})`;
  await session.run(`DELETE FROM ${table} WHERE ${isAffected}`);
  await session.run(`INSERT INTO ${table} SELECT * FROM ${identifier(candidate)} WHERE ${isAffected}`);
}

/** Finds the keys whose rows are not what they were. */
async function compare(session: Session, { model, by }: Incremental, candidate: string): Promise<void> {
  const columns = (await columnsOf(session, `FROM ${identifier(candidate)}`)).map(({ name }) => name);
  const key = canonicalText(by);
  const hashes = (name: string) =>
    `(SELECT ${key} AS _key, ${rowsHash(columns)} AS hash FROM ${identifier(name)} GROUP BY ${key})`;
  await session.run(
    `CREATE OR REPLACE TEMP TABLE ${affected} AS
     SELECT coalesce(n._key, o._key) AS _key FROM ${hashes(candidate)} n FULL JOIN ${hashes(model.name)} o ON o._key = n._key
     WHERE n.hash IS DISTINCT FROM o.hash`,
  );
}

/** Remembers what the table was made by and from, so that the next build can go on from it. */
export async function remember(session: Session, of: Incremental): Promise<void> {
  await forget(session, of);
  await session.run(`INSERT INTO _jobpulse.models VALUES (${nameOf(of)}, ${digest(of)})`);
  if (!of.inputs) return;
  await lookAtInputs(session, of, of.inputs);
  await session.run(`INSERT INTO _jobpulse.inputs SELECT ${nameOf(of)}, input, _key, hash FROM ${inputsNow}`);
}

/** A model that is built in another way cannot be gone on from. */
export async function forget(session: Session, of: Pick<Incremental, 'model' | 'schema'>): Promise<void> {
  const name = literal(`${of.schema}.${of.model.name}`);
  for (const table of ['models', 'inputs']) await session.run(`DELETE FROM _jobpulse.${table} WHERE model = ${name}`);
}

/** The key of a model names one row. */
export async function refuseDoubleKeys(
  session: Session,
  { name, key, materialize }: Model,
  table: string,
): Promise<void> {
  if (key === undefined || materialize !== 'Incremental') return;
  const columns = key.map(identifier).join(', ');
  const { doubled } = await session.row(
    `SELECT count(*) AS doubled FROM (SELECT ${columns} FROM ${identifier(table)} GROUP BY ALL HAVING count(*) > 1)`,
  );
  if (Number(doubled) === 0) return;
  throw new TerminalError(
    'CheckFailed',
    `model ${name}: ${doubled} values of its key (${key.join(', ')}) have several rows; let the SELECT give one row for each, ` +
      'or write partitionBy in place of key.\nNothing was published.',
  );
}
