import type { DuckDBConnection } from '@duckdb/node-api';
import { nearest } from '../../api/problem.ts';
import { identifier, literal, row, rows } from '../../connectors/duckdb.ts';
import type { Json } from '../../run/key.ts';

/** A column that an expression may use. */
export interface KnownColumn {
  readonly name: string;
  /** As DuckDB names it. */
  readonly type: string;
}

/** Columns of ours that every expression may use. */
export const systemColumns: readonly KnownColumn[] = [
  { name: '_as_of', type: 'TIMESTAMP' },
  { name: '_source_uri', type: 'VARCHAR' },
];

/**
 * What is wrong with a column expression, a condition or a check, as the rest of a sentence; nothing when it is one
 * scalar expression over the given columns whose value depends on them alone. It is parsed and bound, never run.
 */
export async function checkExpression(
  connection: DuckDBConnection,
  sql: string,
  columns?: readonly KnownColumn[],
): Promise<string | undefined> {
  const tree = await parse(connection, sql);
  if (typeof tree === 'string') return tree;
  return refusal(tree, await functionKinds(connection)) ?? (columns && (await bindingError(connection, sql, columns)));
}

/** The names of columns (and of anything that looks like one) in an expression that `checkExpression` takes. */
export async function namesIn(connection: DuckDBConnection, sql: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const visit = (value: Json | undefined): void => {
    if (Array.isArray(value)) for (const member of value) visit(member);
    if (!isNode(value)) return;
    if (value.class === 'COLUMN_REF') for (const name of value.column_names as string[]) names.add(name.toLowerCase());
    for (const member of Object.values(value)) visit(member);
  };
  const tree = await parse(connection, sql);
  if (typeof tree !== 'string') visit(tree);
  return names;
}

type Node = { readonly [name: string]: Json | undefined };
const isNode = (value: Json | undefined): value is Node =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

/** The parse tree of the expression. The line break keeps a comment from hiding what comes after it. */
async function parse(connection: DuckDBConnection, sql: string): Promise<Node | string> {
  const { parsed } = await row(
    connection,
    `SELECT json_serialize_sql(${literal(`SELECT (\n${sql}\n) AS v`)})::VARCHAR AS parsed`,
  );
  const answer = JSON.parse(String(parsed)) as { error: boolean; error_message?: string; statements?: Json[] };
  if (answer.error) return `cannot be parsed: ${answer.error_message ?? 'unknown error'}`;
  const [statement, ...others] = answer.statements ?? [];
  const select = isNode(statement) ? statement.node : undefined;
  if (others.length > 0 || !isNode(select) || select.type !== 'SELECT_NODE') return onlyOne;
  const list = select.select_list;
  const [expression, ...more] = Array.isArray(list) ? list : [];
  const from = select.from_table;
  if (more.length > 0 || !isNode(expression) || !isNode(from) || from.type !== 'EMPTY') return onlyOne;
  return expression;
}

const onlyOne = 'is not one scalar expression; leave out SELECT, commas, semicolons and everything after the value';

/** What an expression may not hold, by the class of its node. */
const refusedClasses: Readonly<Record<string, string>> = {
  SUBQUERY: 'holds a subquery; a value may depend on its own row only; join in a model instead',
  WINDOW: 'holds a window function; a value may depend on its own row only; use a model instead',
  STAR: 'holds *; name the columns',
  PARAMETER: 'holds a parameter; run parameters never reach SQL',
};

/** Words that read the clock or the session though they look like columns. */
const ambient =
  /^(current_(date|time|timestamp|user|role|catalog|schema)|localtime(stamp)?|user|session_user|today|now)$/;

function refusal(node: Json | undefined, kinds: FunctionKinds): string | undefined {
  if (Array.isArray(node)) return firstOf(node, (member) => refusal(member, kinds));
  if (!isNode(node)) return undefined;
  const refused = refusedClasses[String(node.class)] ?? refusedFunction(node, kinds) ?? refusedWord(node);
  return refused ?? firstOf(Object.values(node), (member) => refusal(member, kinds));
}

function refusedFunction(node: Node, kinds: FunctionKinds): string | undefined {
  if (node.class !== 'FUNCTION') return undefined;
  const name = String(node.function_name).toLowerCase();
  if (name === 'unnest') return 'calls unnest, which makes several rows of one; use a list column and a model instead';
  if (kinds.aggregates.has(name))
    return `calls the aggregate ${name}; a value may depend on its own row only; use a model instead`;
  return kinds.volatile.has(name) ? notReproducible(name) : undefined;
}

function refusedWord(node: Node): string | undefined {
  const names = node.class === 'COLUMN_REF' ? node.column_names : undefined;
  const [name] = Array.isArray(names) && names.length === 1 ? names : [];
  return typeof name === 'string' && ambient.test(name.toLowerCase()) ? notReproducible(name) : undefined;
}

const notReproducible = (name: string): string =>
  `calls ${name}, whose value is another one each time; the time of the run is _as_of`;

function firstOf<Item>(items: readonly Item[], find: (item: Item) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface FunctionKinds {
  readonly aggregates: ReadonlySet<string>;
  readonly volatile: ReadonlySet<string>;
}

let known: Promise<FunctionKinds> | undefined;

/** The same in every database of this process: only functions of DuckDB itself are among them. */
function functionKinds(connection: DuckDBConnection): Promise<FunctionKinds> {
  known ??= readFunctionKinds(connection).catch((error: unknown) => {
    known = undefined;
    throw error;
  });
  return known;
}

async function readFunctionKinds(connection: DuckDBConnection): Promise<FunctionKinds> {
  const found = await rows(
    connection,
    `SELECT function_name AS name, bool_or(function_type = 'scalar') AS scalar,
       bool_or(stability <> 'CONSISTENT') AS volatile
     FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate')
     GROUP BY function_name HAVING volatile OR NOT scalar`,
  );
  const names = (which: (kind: (typeof found)[number]) => boolean) =>
    new Set(found.filter(which).map(({ name }) => String(name)));
  return { aggregates: names(({ scalar }) => scalar === false), volatile: names(({ volatile }) => volatile === true) };
}

/** Why DuckDB cannot make sense of the expression over these columns. */
async function bindingError(
  connection: DuckDBConnection,
  sql: string,
  columns: readonly KnownColumn[],
): Promise<string | undefined> {
  const nulls = [...columns, ...systemColumns].map(({ name, type }) => `NULL::${type} AS ${identifier(name)}`);
  try {
    await connection.run(
      `DESCRIBE SELECT TRY(struct_pack(v := (\n${sql}\n))) FROM (SELECT ${nulls.join(', ')}) AS row`,
    );
    return undefined;
  } catch (error) {
    return inWords(error instanceof Error ? error.message : String(error), columns);
  }
}

function inWords(message: string, columns: readonly KnownColumn[]): string {
  const [, unknown] = /Referenced column "([^"]+)" not found/.exec(message) ?? [];
  if (unknown === undefined) return (/^(?:\w+ Error: )?(.*(?:\n(?!\n|LINE ).*)*)/.exec(message)?.[1] ?? message).trim();
  const names = [...columns, ...systemColumns].map(({ name }) => name);
  const near = nearest(unknown, names);
  return `names ${unknown}, which is not an earlier column${near === undefined ? '' : `; did you mean ${near}?`}; there are ${names.join(', ')}`;
}
