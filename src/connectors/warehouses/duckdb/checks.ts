import type { Model, ModelCheck } from '../../../api/index.ts';
import { identifier } from '../../duckdb.ts';
import { conditionRows, relationTarget } from '../analyse.ts';
import { explain } from './failure.ts';
import type { Session } from './session.ts';

/** A check that does not hold. */
export interface BrokenCheck {
  readonly check: ModelCheck;
  /** What was found and how to see it; never a row. */
  readonly message: string;
}

/** Runs the checks of a model on the table that is about to become it. */
export async function runChecks(
  session: Session,
  model: Pick<Model, 'name' | 'sql' | 'checks'>,
  schema: string,
  candidate: string,
): Promise<BrokenCheck[]> {
  const broken: BrokenCheck[] = [];
  for (const check of model.checks) {
    const query = failingRows(check, identifier(model.name));
    const counted = `WITH ${identifier(model.name)} AS (FROM ${identifier(candidate)}) SELECT count(*) AS rows FROM (${query})`;
    const { rows } = await session.row(counted).catch((error: unknown) => {
      throw explain(error, 'ModelFailed', `model ${model.name}, check ${check.name}`);
    });
    if (Number(rows) > 0) broken.push({ check, message: tell(check, model, schema, query, Number(rows)) });
  }
  return broken;
}

function tell(
  check: ModelCheck,
  { name, sql }: Pick<Model, 'name' | 'sql'>,
  schema: string,
  query: string,
  rows: number,
): string {
  const found = check.rowCount
    ? 'the number of rows is out of bounds'
    : `${rows} ${rows === 1 ? 'row fails' : 'rows fail'}`;
  const see = `USE ${identifier(schema)}; WITH ${identifier(name)} AS (${withoutEnd(sql)}\n) ${query}`;
  return `model ${name}, check ${check.name} (${asked(check)}): ${found}; to see: ${see}`;
}

/** A SELECT as it can stand in parentheses. */
export const withoutEnd = (sql: string): string => sql.trim().replace(/;$/, '');

/** What a check asks for, in the words of the manifest. */
function asked({ unique, notNull, relation, rowCount, sql }: ModelCheck): string {
  if (unique) return `unique: ${unique.join(', ')}`;
  if (notNull) return `notNull: ${notNull.join(', ')}`;
  if (relation) return `relation: ${relation.column} to ${relation.to}`;
  if (rowCount) return `rowCount: ${JSON.stringify(rowCount)}`;
  return `sql: ${sql}`;
}

/** The rows of a table that break a check. */
export function failingRows(check: ModelCheck, table: string): string {
  const { unique, notNull, rowCount, sql } = check;
  const target = relationTarget(check);
  if (unique) {
    const columns = unique.map(identifier);
    const given = columns.map((column) => `${column} IS NOT NULL`).join(' AND ');
    return `SELECT * FROM ${table} WHERE ${given} QUALIFY count(*) OVER (PARTITION BY ${columns.join(', ')}) > 1`;
  }
  if (notNull)
    return `SELECT * FROM ${table} WHERE ${notNull.map((name) => `${identifier(name)} IS NULL`).join(' OR ')}`;
  if (check.relation && target) {
    const value = `${table}.${identifier(check.relation.column)}`;
    const [other, column] = target.map(identifier);
    return `SELECT * FROM ${table} WHERE ${value} IS NOT NULL AND NOT EXISTS (FROM ${other} AS _other WHERE _other.${column} = ${value})`;
  }
  if (rowCount) {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = rowCount;
    return `SELECT count(*) AS rows FROM ${table} HAVING count(*) NOT BETWEEN ${min} AND ${max}`;
  }
  return conditionRows(table, sql ?? 'true');
}
