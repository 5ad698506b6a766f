import type { Json } from '../../run/key.ts';

type Node = { readonly [name: string]: Json | undefined };

/**
 * The tables that a SELECT reads, when each of its rows depends only on rows of these tables with the same key: then
 * the rows of some keys can be computed alone. `undefined` when that cannot be told from the parse tree, which says
 * nothing against the SELECT.
 *
 * It can be told of one table, or several joined by USING over the key, whose key columns are passed on as they are, and
 * whose groups and windows lie within a key.
 */
export function tablesByKey(tree: Json, key: readonly string[]): readonly string[] | undefined {
  const select = isNode(tree) && isNode(tree.node) ? tree.node : undefined;
  if (select?.type !== 'SELECT_NODE' || select.cte_map !== undefined || select.sample !== undefined) return undefined;
  const sources = sourcesOf(select.from_table, key);
  if (!sources) return undefined;
  const isKey = (value: Json | undefined, name: string) => isColumn(value, name, sources.first);
  const isWithinKey = (values: Json | undefined) =>
    key.every((name) => list(values).some((value) => isKey(value, name)));
  const holds =
    list(select.modifiers).every(isHarmlessModifier) &&
    passesOn(list(select.select_list), key, sources.first) &&
    (select.group_sets === undefined ||
      (list(select.group_sets).length === 1 && isWithinKey(select.group_expressions))) &&
    expressionsIn(select).every(
      (node) => isRepeatable(node) && (node.class !== 'WINDOW' || isWithinKey(node.partitions)),
    );
  return holds ? sources.tables : undefined;
}

const isNode = (value: Json | undefined): value is Node =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
const list = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);
const lower = (value: Json | undefined): string => (typeof value === 'string' ? value.toLowerCase() : '');

interface Sources {
  readonly tables: readonly string[];
  /** What the leftmost table is called: of an outer join its key is never NULL for want of a partner. */
  readonly first: string;
}

function sourcesOf(from: Json | undefined, key: readonly string[]): Sources | undefined {
  if (!isNode(from) || from.sample !== undefined || from.column_name_alias !== undefined) return undefined;
  if (from.type === 'BASE_TABLE') {
    if (from.schema_name !== undefined || from.catalog_name !== undefined) return undefined;
    const table = lower(from.table_name);
    return { tables: [table], first: lower(from.alias) || table };
  }
  const joined = list(from.using_columns).map(lower);
  const isByKey = from.type === 'JOIN' && from.ref_type === 'REGULAR' && key.every((name) => joined.includes(name));
  if (!isByKey || !['INNER', 'LEFT', 'SEMI', 'ANTI'].includes(String(from.join_type))) return undefined;
  const [left, right] = [sourcesOf(from.left, key), sourcesOf(from.right, key)];
  return left && right && { tables: [...new Set([...left.tables, ...right.tables])], first: left.first };
}

/** Whether a value is a column, unqualified or of a table. */
function isColumn(value: Json | undefined, name: string, of: string): boolean {
  if (!isNode(value) || value.class !== 'COLUMN_REF') return false;
  const names = list(value.column_names).map(lower);
  return names.at(-1) === name && (names.length === 1 || (names.length === 2 && names[0] === of));
}

/** An order does not change which rows there are, nor does leaving out equal ones. */
const isHarmlessModifier = (modifier: Json): boolean =>
  isNode(modifier) &&
  (modifier.type === 'ORDER_MODIFIER' ||
    (modifier.type === 'DISTINCT_MODIFIER' && modifier.distinct_on_targets === undefined));

/** Whether the key columns of the result are those of the leftmost table. */
function passesOn(items: readonly Json[], key: readonly string[], first: string): boolean {
  const stars = items.filter((item) => isNode(item) && item.class === 'STAR');
  if (!stars.every((star) => isPlainStar(star, key, first))) return false;
  return key.every((name) => {
    const named = items.filter((item) => isNode(item) && nameOf(item) === name);
    return named.every((item) => isColumn(item, name, first)) && named.length + stars.length === 1;
  });
}

const nameOf = (item: Node): string => lower(item.alias) || lower(list(item.column_names).at(-1));

function isPlainStar(star: Json, key: readonly string[], first: string): boolean {
  if (!isNode(star) || star.columns !== undefined || star.expr !== undefined) return false;
  if (star.replace_list !== undefined || star.rename_list !== undefined) return false;
  const excluded = JSON.stringify(star.exclude_list ?? []).toLowerCase();
  const isOfFirst = star.relation_name === undefined || lower(star.relation_name) === first;
  return isOfFirst && !key.some((name) => excluded.includes(`"${name}"`));
}

/** What gives something else each time, or reads rows of other keys. */
const unrepeatable =
  /^(now|today|random|setseed|uuid.*|gen_random_uuid|nextval|currval|(current|transaction|local|get_current|txid).*)$/;

const isRepeatable = (node: Node): boolean =>
  node.class !== 'SUBQUERY' && !unrepeatable.test(lower(node.function_name)) && !isClock(node);

/** `current_date` is written as a column. */
const isClock = (node: Node): boolean =>
  node.class === 'COLUMN_REF' && unrepeatable.test(lower(list(node.column_names).at(-1)));

/** All expressions of a SELECT, those within expressions included. */
function expressionsIn(value: Json | undefined): Node[] {
  if (Array.isArray(value)) return value.flatMap(expressionsIn);
  if (!isNode(value)) return [];
  const inside = Object.values(value).flatMap(expressionsIn);
  return value.class === undefined ? inside : [value, ...inside];
}
