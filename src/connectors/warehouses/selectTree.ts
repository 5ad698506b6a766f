import type { Json } from '../../run/key.ts';

/** A table as a SELECT names it; absent qualifiers are `undefined`. */
export interface TableName {
  readonly catalog: string | undefined;
  readonly schema: string | undefined;
  readonly table: string;
}

/** What a SELECT reads besides its own expressions. */
export interface Reads {
  readonly tables: readonly TableName[];
  /** Functions in place of a table, such as `read_csv`. */
  readonly functions: readonly string[];
  /** Other things in place of a table, such as `SHOW_REF` (`DESCRIBE`, `SUMMARIZE`). */
  readonly others: readonly string[];
}

interface Found {
  readonly tables: TableName[];
  readonly functions: string[];
  readonly others: string[];
}

/** What may stand in a FROM without reading anything that is not looked at here. */
const harmless = new Set(['SUBQUERY', 'JOIN', 'EXPRESSION_LIST', 'EMPTY', 'PIVOT']);

/** What the parse tree of a SELECT (`json_serialize_sql`) reads; names of common table expressions are resolved, as SQL does. */
export function readsOf(tree: Json): Reads {
  const found: Found = { tables: [], functions: [], others: [] };
  visit(tree, new Set(), found);
  return found;
}

type Node = { readonly [name: string]: Json | undefined };

const isNode = (value: Json | undefined): value is Node =>
  value !== null && typeof value === 'object' && !Array.isArray(value);

function visit(value: Json | undefined, expressions: ReadonlySet<string>, found: Found): void {
  if (Array.isArray(value)) for (const item of value) visit(item, expressions, found);
  if (isNode(value)) visitNode(value, expressions, found);
}

function visitNode(node: Node, outer: ReadonlySet<string>, found: Found): void {
  const scope = new Set(outer);
  for (const { key, value } of commonTableExpressions(node)) {
    // An expression sees those before it, and itself only in the recursive half of a recursive one.
    visit(value, scope, found);
    scope.add(key);
  }
  for (const [name, member] of Object.entries(node)) {
    if (name === 'cte_map') continue;
    if (isNode(member) && isPlaceOfTable(node, name)) visitTable(member, scope, found);
    const recursive = node.type === 'RECURSIVE_CTE_NODE' && name === 'right';
    visit(member, recursive ? new Set(scope).add(lower(node.cte_name)) : scope, found);
  }
}

function commonTableExpressions(node: Node): { key: string; value: Json | undefined }[] {
  const entries = isNode(node.cte_map) ? node.cte_map.map : undefined;
  if (!Array.isArray(entries)) return [];
  return entries.filter(isNode).map(({ key, value }) => ({ key: lower(key), value }));
}

/** A table stands in a FROM, on either side of a join, and under a PIVOT. Expressions have a `class`, tables have none. */
function isPlaceOfTable(node: Node, member: string): boolean {
  if (member === 'from_table') return true;
  if (node.class !== undefined) return false;
  if (node.type === 'JOIN') return member === 'left' || member === 'right';
  return node.type === 'PIVOT' && member === 'source';
}

function visitTable(node: Node, expressions: ReadonlySet<string>, found: Found): void {
  const type = typeof node.type === 'string' ? node.type : '';
  if (type === 'BASE_TABLE') {
    const name = tableName(node);
    const isExpression = !name.catalog && !name.schema && expressions.has(name.table);
    if (!isExpression) found.tables.push(name);
  } else if (type === 'TABLE_FUNCTION') {
    found.functions.push(isNode(node.function) ? lower(node.function.function_name) : '');
  } else if (!harmless.has(type)) {
    found.others.push(type);
  }
}

const tableName = (node: Node): TableName => ({
  catalog: lower(node.catalog_name) || undefined,
  schema: lower(node.schema_name) || undefined,
  table: lower(node.table_name),
});

/** Names are compared without case, as DuckDB does. */
const lower = (value: Json | undefined): string => (typeof value === 'string' ? value.toLowerCase() : '');
