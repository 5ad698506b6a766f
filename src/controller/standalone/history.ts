import type { PipelineRun } from '../../api/index.ts';
import { type HistoryLimits, runsToDelete } from '../history.ts';
import type { Resources } from './resources.ts';

/** For pipelines that were stored before they had limits. */
const defaults: HistoryLimits = { successfulRunsHistoryLimit: 3, failedRunsHistoryLimit: 1 };

/** Creates a run unless there is one of its name, and lets go of those that nobody has to see any more. */
export async function createRun(resources: Resources, run: PipelineRun): Promise<boolean> {
  const created = await resources.runs.create(run);
  await cleanUp(resources, run.spec.pipelineRef.name, new Date());
  return created;
}

/** Deletes the runs of a pipeline that its limits and their `ttl` let go; the reports of all runs are in the lake. */
export async function cleanUp({ pipelines, runs }: Resources, pipeline: string, now: Date): Promise<void> {
  const own = (await runs.list()).filter(({ spec }) => spec.pipelineRef.name === pipeline);
  const limits = { ...defaults, ...(await pipelines.get(pipeline))?.spec };
  for (const name of runsToDelete(own, limits, now)) await runs.delete(name);
}
