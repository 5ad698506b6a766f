import type { DuckDBConnection } from '@duckdb/node-api';
import type { Clean, Column } from '../../api/index.ts';
import { literal } from '../../connectors/duckdb.ts';
import { sqlType } from '../../connectors/sqlTypes.ts';
import { checkExpression, type KnownColumn } from './expression.ts';
import { foldedPattern } from './flags.ts';

/** Something wrong with a rule. */
export interface RuleProblem {
  /** Below the dataset: `clean.columns[3].sql`. */
  readonly path: string;
  readonly message: string;
}

/**
 * Everything about the rules of a dataset that only the database can tell: expressions, conditions, regular expressions
 * and forms of dates. The connection needs our SQL functions; no data is read.
 */
export async function checkRules(connection: DuckDBConnection, clean: Clean): Promise<RuleProblem[]> {
  const columns = clean.columns.map(({ name, type }) => ({ name, type: sqlType(type) }));
  const problems: RuleProblem[] = [];
  const check = async (path: string, sql: string | undefined, known: readonly KnownColumn[]) => {
    const message = sql === undefined ? undefined : await checkExpression(connection, sql, known);
    if (message !== undefined) problems.push({ path, message });
  };
  for (const [at, column] of clean.columns.entries()) {
    await check(`clean.columns[${at}].sql`, column.sql, columns.slice(0, at));
    problems.push(...(await checkForms(connection, column, `clean.columns[${at}]`)));
  }
  await check('clean.where', clean.where, columns);
  for (const [at, { sql }] of clean.checks.entries()) await check(`clean.checks[${at}].sql`, sql, columns);
  return problems;
}

/** Asks the database to read nothing in each of the forms. */
async function checkForms(
  connection: DuckDBConnection,
  { parse, pattern, flags }: Column,
  path: string,
): Promise<RuleProblem[]> {
  const expressions = (parse?.dates ?? []).flatMap((form) => (form === 'serial' ? [] : [form]));
  const forms = [
    ...expressions.map((form) => ['parse.dates', `try_strptime('', ${literal(form)})`] as const),
    ...[parse?.regex].flatMap((regex) =>
      regex ? [['parse.regex', `regexp_matches('', ${literal(regex)})`] as const] : [],
    ),
    ...(pattern ? [['pattern', `regexp_matches('', ${literal(pattern)})`] as const] : []),
    ...(flags?.match ?? []).map(
      (flag, at) => [`flags.match[${at}].pattern`, `regexp_matches('', ${foldedPattern(flag.pattern)}, 'i')`] as const,
    ),
  ];
  const problems: RuleProblem[] = [];
  for (const [member, sql] of forms) {
    const message = await connection.run(`SELECT ${sql}`).then(() => undefined, firstLine);
    if (message !== undefined) problems.push({ path: `${path}.${member}`, message });
  }
  if (parse?.language && Intl.DateTimeFormat.supportedLocalesOf(parse.language).length === 0) {
    problems.push({
      path: `${path}.parse.language`,
      message: `${parse.language} is no language with known month names`,
    });
  }
  return problems;
}

const firstLine = (error: unknown): string =>
  String(error instanceof Error ? error.message : error)
    .replace(/^\w+ Input Error: /, '')
    .split('\n')[0] ?? '';
