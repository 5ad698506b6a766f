import type { Condition, PipelineSpec } from '../../../api/index.ts';
import type { Reason } from '../../../api/reasons.ts';
import { endedRuns, looksAtAllSources } from '../runs.ts';
import { type Seen, specAtWork } from '../seen.ts';
import { no, type Verdict, yes } from './judge.ts';

/** What keeps a pipeline from being ready, the gravest first. Workers that are starting are no fault. */
const faults: readonly (readonly [type: string, status: Condition['status'], reasons?: readonly Reason[]])[] = [
  ['Valid', 'False'],
  ['WorkersReady', 'False', ['NameConflict', 'WorkersMissing']],
  ['ScalingActive', 'Unknown', ['QueuesUnreadable']],
  ['Conserved', 'False'],
  ['Fresh', 'False'],
];

type Found = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** Sums up the other conditions, and how the newest regular run ended. */
export function ready(seen: Seen, others: readonly Found[]): Verdict {
  for (const [type, status, reasons] of faults) {
    const found = others.find((each) => each.type === type && each.status === status);
    if (found && (reasons === undefined || (reasons as readonly string[]).includes(found.reason))) {
      return no(found.reason as Reason, found.message);
    }
  }
  if (seen.unattended && runsByItself(specAtWork(seen))) {
    return no('Unattended', 'it has a schedule, and nobody keeps it; start `jobpulse up`');
  }
  const newest = endedRuns(seen).find((run) => looksAtAllSources(run) && run.status?.phase !== 'Cancelled');
  if (newest?.status?.phase !== 'Failed') return yes('AllGood');
  const why = newest.status.conditions?.find(({ type }) => type === 'Succeeded')?.message ?? 'it failed';
  return no('RunFailed', `${newest.metadata.name}: ${why}`.slice(0, 4000));
}

/** Whether runs are to begin without anybody asking for them. */
const runsByItself = (spec: Partial<Pick<PipelineSpec, 'schedule' | 'after'>> = {}): boolean =>
  spec.schedule !== undefined || (spec.after ?? []).length > 0;
