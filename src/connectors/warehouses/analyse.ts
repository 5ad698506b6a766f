import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Model, ModelCheck, Pipeline } from '../../api/index.ts';
import { nearest } from '../../api/problem.ts';
import { TerminalError } from '../../run/errors.ts';
import type { Json } from '../../run/key.ts';
import { schemaOf } from '../../run/specs.ts';
import { identifier, literal, row } from '../duckdb.ts';
import { tablesByKey } from './byKey.ts';
import { type Reads, readsOf } from './selectTree.ts';
import type { ModelRequest } from './warehouse.ts';

/** The tables that a SELECT names, unqualified and sorted; or why it cannot be a model. */
export type ModelAnalysis = { readonly tables: readonly string[] } | { readonly error: string };

/** Something wrong with one SQL text of a pipeline. */
export interface ModelProblem {
  /** Where in the manifest, for example `spec.transform.models[0].sql`. */
  readonly path: string;
  readonly message: string;
}

/**
 * The tables whose rows of some keys make the rows of these keys of an incremental model; absent when that cannot be
 * told.
 */
export async function inputsByKey(
  connection: DuckDBConnection,
  { sql, materialize, key, partitionBy = [] }: Pick<Model, 'sql' | 'materialize' | 'key' | 'partitionBy'>,
): Promise<readonly string[] | undefined> {
  if (materialize !== 'Incremental') return undefined;
  // The parse tree leaves out empty lists, and with them the groups over all rows that these words make.
  if (/\b(rollup|cube|sets)\b/i.test(sql)) return undefined;
  const parsed = await parse(connection, sql);
  return 'error' in parsed ? undefined : tablesByKey(parsed.tree, key ?? partitionBy);
}

const allowedFunctions = ['unnest', 'range', 'generate_series'];

/**
 * Whether a text is one SELECT that reads nothing but tables without a schema (or of `schema`), and which tables these are.
 * The text is parsed, never run.
 */
export async function analyseModel(connection: DuckDBConnection, sql: string, schema?: string): Promise<ModelAnalysis> {
  const parsed = await parse(connection, sql);
  if ('error' in parsed) return parsed;
  const reads = readsOf(parsed.tree);
  const error = refusal(reads, schema);
  return error === undefined ? { tables: [...new Set(reads.tables.map(({ table }) => table))].sort() } : { error };
}

async function parse(connection: DuckDBConnection, sql: string): Promise<{ tree: Json } | { error: string }> {
  const options = 'skip_null := true, skip_empty := true, skip_default := true';
  const { parsed } = await row(connection, `SELECT json_serialize_sql(${literal(sql)}, ${options})::VARCHAR AS parsed`);
  const answer = JSON.parse(String(parsed)) as {
    readonly error: boolean;
    readonly error_type?: string;
    readonly error_message?: string;
    readonly statements?: readonly Json[];
  };
  if (answer.error_type === 'not implemented') return { error: notASelect(sql) };
  if (answer.error) return { error: answer.error_message ?? 'cannot be parsed' };
  const [tree, ...others] = answer.statements ?? [];
  if (tree === undefined) return { error: 'is empty; write one SELECT' };
  if (others.length > 0) return { error: `holds ${others.length + 1} statements; write one SELECT` };
  return { tree };
}

function notASelect(sql: string): string {
  const [, first = ''] = /^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*(\w+)/.exec(sql) ?? [];
  const pivot = /\bpivot\b/i.test(sql) ? '; PIVOT is possible as SELECT * FROM (PIVOT … ON column IN (…) USING …)' : '';
  return `is not one SELECT (it begins with ${first.toUpperCase()})${pivot}`;
}

/** Why what a SELECT reads is not allowed, whatever the tables are called. */
function refusal({ tables, functions, others }: Reads, schema: string | undefined): string | undefined {
  const [other] = others;
  if (other) return 'uses DESCRIBE, SUMMARIZE or SHOW as a table; name columns instead';
  const call = functions.find((name) => !allowedFunctions.includes(name));
  if (call !== undefined)
    return `reads from ${call}(); of functions only ${allowedFunctions.join(', ')} give rows here`;
  const foreign = tables.find((name) => name.catalog !== undefined || (name.schema && name.schema !== schema));
  if (foreign === undefined) return undefined;
  const written = [foreign.catalog, foreign.schema, foreign.table].filter(Boolean).join('.');
  return `reads ${written}, but a model reads tables of its own pipeline only: write ${foreign.table}`;
}

/** Why a table may not be read, with the nearest right name; nothing when all may. */
export function unknownTable(tables: readonly string[], known: readonly string[]): string | undefined {
  const unknown = tables.find((table) => !known.includes(table));
  if (unknown === undefined) return undefined;
  if (known.length === 0) return `reads ${unknown}, but there is no table it may read`;
  const near = nearest(unknown, known);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return `reads ${unknown}, which is no table it may read (${known.join(', ')})${hint}`;
}

/** Every SQL text of a model, each as a SELECT. What runs is what was looked at here. */
export function modelTexts({ name, sql, insight, checks }: Pick<Model, 'name' | 'sql' | 'insight' | 'checks'>): {
  readonly path: string;
  readonly sql: string;
  /** The texts beside the main one may read the model itself. */
  readonly own: boolean;
}[] {
  return [
    { path: 'sql', sql, own: false },
    ...(insight === undefined ? [] : [{ path: 'insight', sql: insight, own: true }]),
    ...checks.flatMap((check, at) =>
      check.sql === undefined
        ? []
        : [{ path: `checks[${at}].sql`, sql: conditionRows(identifier(name), check.sql), own: true }],
    ),
  ];
}

/** The rows for which a condition is false. The line break ends a comment the condition may end with. */
export const conditionRows = (table: string, condition: string): string =>
  `SELECT * FROM ${table} WHERE (${condition}\n) IS FALSE`;

/** The table and column that a relation check names. */
export function relationTarget({
  relation,
}: Pick<ModelCheck, 'relation'>): [table: string, column: string] | undefined {
  const [table, column] = relation?.to.split('.') ?? [];
  return table !== undefined && column !== undefined ? [table, column] : undefined;
}

/**
 * All tables a model depends on: those its SELECT, its insight and its checks read, itself left out.
 * Problems name the text by its path within the model.
 */
export async function referencedTables(
  connection: DuckDBConnection,
  model: Pick<Model, 'name' | 'sql' | 'insight' | 'checks'>,
  known: readonly string[],
  schema?: string,
): Promise<{ readonly tables: readonly string[]; readonly problems: readonly ModelProblem[] }> {
  const tables = new Set<string>();
  const problems: ModelProblem[] = [];
  const others = known.filter((table) => table !== model.name);
  const look = (path: string, read: readonly string[], readable: readonly string[]) => {
    const message = unknownTable(read, readable);
    if (message !== undefined) problems.push({ path, message });
    for (const table of read) if (table !== model.name) tables.add(table);
  };
  for (const { path, sql, own } of modelTexts(model)) {
    const analysis = await analyseModel(connection, sql, schema);
    if ('error' in analysis) problems.push({ path, message: analysis.error });
    else look(path, analysis.tables, own ? [...others, model.name] : others);
  }
  for (const [at, check] of model.checks.entries()) {
    const [table] = relationTarget(check) ?? [];
    if (table !== undefined) look(`checks[${at}].relation.to`, [table], [...others, model.name]);
  }
  return { tables: [...tables].sort(), problems };
}

/** The tables that a model reads. Nothing of it runs before all its SQL is known to read only what it may. */
export async function readTables(
  connection: DuckDBConnection,
  { model, tables, schema }: Pick<ModelRequest, 'model' | 'tables' | 'schema'>,
): Promise<readonly string[]> {
  const { tables: read, problems } = await referencedTables(connection, model, tables, schema);
  const [problem] = problems;
  if (problem) throw new TerminalError('ModelRefused', `model ${model.name}: ${problem.path} ${problem.message}`);
  return read;
}

/** What each model of a pipeline reads, and all that is wrong with their SQL. */
export async function readModels(
  pipeline: Pipeline,
): Promise<{ readonly tablesOf: ReadonlyMap<string, readonly string[]>; readonly problems: readonly ModelProblem[] }> {
  const schema = schemaOf(pipeline);
  const models = pipeline.spec.transform?.models ?? [];
  const known = [...pipeline.spec.datasets, ...models].map(({ name }) => name);
  const tablesOf = new Map<string, readonly string[]>();
  const problems: ModelProblem[] = [];
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    for (const [at, model] of models.entries()) {
      const read = await referencedTables(connection, model, known, schema);
      tablesOf.set(model.name, read.tables);
      problems.push(
        ...read.problems.map(({ path, message }) => ({ path: `spec.transform.models[${at}].${path}`, message })),
      );
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return { tablesOf, problems: [...problems, ...circles(tablesOf)] };
}

/** The tables that each model reads, for planning; the first problem is an error. */
export async function analyseModels(pipeline: Pipeline): Promise<ReadonlyMap<string, readonly string[]>> {
  const { tablesOf, problems } = await readModels(pipeline);
  const [problem] = problems;
  if (problem) throw new TerminalError('ModelRefused', `${problem.path} ${problem.message}`);
  return tablesOf;
}

/** Models that read each other in a circle cannot be ordered. */
function circles(tablesOf: ReadonlyMap<string, readonly string[]>): ModelProblem[] {
  let rest = [...tablesOf.keys()];
  for (;;) {
    const waiting = rest.filter((name) => (tablesOf.get(name) ?? []).some((table) => rest.includes(table)));
    if (waiting.length === 0) return [];
    if (waiting.length === rest.length) {
      const message = `models read each other in a circle (${rest.join(', ')}); one of them must not read another`;
      return [{ path: 'spec.transform.models', message }];
    }
    rest = waiting;
  }
}
