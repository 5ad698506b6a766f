import type { PipelineRun } from '../api/index.ts';
import { scheduledRunName } from '../controller/schedule.ts';
import { type Trigger, triggerLabel, triggers } from '../controller/trigger.ts';
import type { Metrics } from './metrics.ts';

/** Counts a run that has ended, from what its resource says; one that has not, or has no times, is not counted. */
export function recordEndedRun(metrics: Pick<Metrics, 'recordRun'>, namespace: string, run: PipelineRun): void {
  const { phase, startTime, finishTime, conditions = [] } = run.status ?? {};
  if (phase !== 'Succeeded' && phase !== 'Failed' && phase !== 'Cancelled') return;
  if (finishTime === undefined) return;
  const counted = {
    run: run.metadata.name,
    pipeline: `${namespace}/${run.spec.pipelineRef.name}`,
    status: phase,
    seconds: (Date.parse(finishTime) - Date.parse(startTime ?? finishTime)) / 1000,
    // What is not known to be wrong is not called wrong.
    conserved: conditions.every(({ type, status }) => type !== 'Conserved' || status !== 'False'),
  };
  metrics.recordRun(counted, { trigger: triggerOf(run), finishedAt: new Date(finishTime) });
}

/** Why a run is there: its label tells, or else its name, for a tick gives its run a name that no other has. */
export function triggerOf({ metadata, spec, status }: PipelineRun): Trigger {
  const labelled = triggers.find((trigger) => trigger === metadata.labels?.[triggerLabel]);
  if (labelled !== undefined) return labelled;
  const tick = Date.parse(status?.asOf ?? '');
  return metadata.name === scheduledRunName(spec.pipelineRef.name, tick) ? 'Schedule' : 'Manual';
}
