import { checkRequest, type Pipeline, type PipelineRunSpec, problemText } from '../api/index.ts';
import { CliError, exitCodes } from './exit.ts';
import type { Override } from './overrides.ts';

/** What `--param` and `--dataset` ask of a pipeline; a request for what it does not have is refused. */
export function requestOf(
  pipeline: Pipeline,
  { param, dataset = [] }: { readonly param: readonly Override[]; readonly dataset?: string[] },
): Pick<PipelineRunSpec, 'params' | 'datasets'> {
  const params = param.map(([name, value]) => ({ name, value }));
  const problems = checkRequest(pipeline, { params, datasets: dataset });
  if (problems.length > 0) throw new CliError(exitCodes.invalid, problems.map(problemText).join('\n'));
  return { params, datasets: dataset };
}
