import type { DuckDBConnection } from '@duckdb/node-api';
import { digestOf } from '../run/key.ts';
import { experienceMentionsFunction, experienceYearsFunction } from './experienceFunctions.ts';
import type { SqlFunction } from './function.ts';
import { annualPay } from './pay.ts';

export type { SqlFunction } from './function.ts';

/** Every SQL function of ours, one line each. */
export const sqlFunctions: readonly SqlFunction[] = [annualPay, experienceMentionsFunction, experienceYearsFunction];

/** Makes our SQL functions known to a connection; each connection whose SQL may call them needs it. */
export async function registerFunctions(connection: DuckDBConnection): Promise<void> {
  for (const sqlFunction of sqlFunctions) await sqlFunction.register(connection);
}

/**
 * Digest of the rules of those functions that some SQL texts name, so that a better rule gives the work that used it
 * another key, and no other work. Any mention counts as a call: a name in a comment costs at most one more rebuild.
 */
export function functionsDigest(sqlTexts: readonly string[]): string {
  return digestOf(Object.fromEntries(functionsIn(sqlTexts).map(({ name, rules }) => [name, rules])));
}

/** The functions of ours that some SQL texts name. */
export function functionsIn(sqlTexts: readonly string[]): readonly SqlFunction[] {
  const named = new Set(sqlTexts.flatMap((sql) => sql.toLowerCase().match(/\w+/g) ?? []));
  return sqlFunctions.filter(({ name }) => named.has(name));
}
