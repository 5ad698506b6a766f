import type { PipelineRun } from '../../api/index.ts';
import { hasEnded } from '../runs.ts';
import type { Resources } from './resources.ts';

/** So many ended runs of a pipeline are kept as resources; the reports of all runs are in the lake. */
export const keptRuns = 100;

/** Creates a run unless there is one of its name, and lets go of the oldest that have ended. */
export async function createRun({ runs }: Pick<Resources, 'runs'>, run: PipelineRun): Promise<boolean> {
  const created = await runs.create(run);
  const { name } = run.spec.pipelineRef;
  const ended = (await runs.list()).filter((each) => each.spec.pipelineRef.name === name && hasEnded(each));
  const newestFirst = ended.toSorted((a, b) => ((a.status?.asOf ?? '') < (b.status?.asOf ?? '') ? 1 : -1));
  for (const { metadata } of newestFirst.slice(keptRuns)) await runs.delete(metadata.name);
  return created;
}
