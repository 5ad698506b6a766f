import { DuckDBInstance } from '@duckdb/node-api';
import type { Pipeline } from '../api/index.ts';
import { type ModelProblem, readModels } from '../connectors/warehouses/analyse.ts';
import { registerFunctions } from '../enrich/index.ts';
import { checkRules } from '../workers/clean/checkRules.ts';

/** All that is wrong with the SQL, patterns and forms of dates of a pipeline. They are parsed and bound, never run. */
export async function sqlProblems(pipeline: Pipeline): Promise<readonly ModelProblem[]> {
  const models = await readModels(pipeline);
  return [...(await ruleProblems(pipeline)), ...models.problems];
}

async function ruleProblems({ spec }: Pipeline): Promise<ModelProblem[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await registerFunctions(connection);
    const problems: ModelProblem[] = [];
    for (const [at, { clean }] of spec.datasets.entries()) {
      const found = await checkRules(connection, clean);
      problems.push(...found.map(({ path, message }) => ({ path: `spec.datasets[${at}].${path}`, message })));
    }
    return problems;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
