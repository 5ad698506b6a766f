import type { PipelineRun } from '../api/index.ts';
import { endedRuns } from '../controller/status/runs.ts';

/** Rows of a dataset that the newest run which read it rejected. */
export interface RejectedCount {
  readonly dataset: string;
  readonly rejected: number;
  readonly read: number;
  readonly run: string;
  readonly asOf: string;
}

/** What the statuses of a pipeline's runs tell of rejected rows, most first. */
export function rejectedCounts(runs: readonly PipelineRun[], pipeline: string): readonly RejectedCount[] {
  const newest = new Map<string, RejectedCount>();
  for (const { metadata, status } of endedRuns({
    runs: runs.filter(({ spec }) => spec.pipelineRef.name === pipeline),
  })) {
    for (const { name: dataset, read = 0, rejected = 0 } of status?.datasets ?? []) {
      if (read === 0 || newest.has(dataset)) continue;
      newest.set(dataset, { dataset, rejected, read, run: metadata.name, asOf: status?.asOf ?? '' });
    }
  }
  return [...newest.values()].toSorted((a, b) => b.rejected - a.rejected);
}
