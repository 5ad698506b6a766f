import type { Condition, Pipeline, PipelineRun } from '../../api/index.ts';
import type { AlertKind } from '../../api/side.ts';
import type { RunReport } from '../../run/report.ts';
import { endedRuns } from '../status/runs.ts';

/** What can be seen of a pipeline that somebody is to be told about. */
export interface Sight {
  readonly pipeline: Pick<Pipeline, 'metadata' | 'status'>;
  /** The newest run that ended and was not cancelled. */
  readonly run?: PipelineRun;
  /** Its report, if it left one. */
  readonly report?: RunReport;
}

/** Something that is wrong now, with the pipeline or with one of its datasets. */
export interface Trouble {
  readonly dataset?: string;
  readonly message: string;
  /** The run that showed it. */
  readonly run?: string;
}

/** What is known of one kind of trouble. */
export interface Judgement {
  readonly troubles: readonly Trouble[];
  /** Whether what was wrong before is known to be over; what nobody has looked at since is not. */
  readonly isOver: (dataset: string | undefined) => boolean;
}

/** The newest run that says how things are: a run that somebody cancelled says nothing. */
export const tellingRun = (runs: readonly PipelineRun[]): PipelineRun | undefined =>
  endedRuns({ runs }).find(({ status }) => status?.phase !== 'Cancelled');

/** Judges one kind of trouble. */
export function judge(kind: AlertKind, sight: Sight): Judgement {
  switch (kind) {
    case 'RunFailed':
      return judgeRun(sight);
    case 'Stale':
      return judgeCondition(sight, 'Fresh');
    case 'NotConserved':
      return judgeCondition(sight, 'Conserved');
    case 'BudgetSpent':
    case 'RejectRate':
    case 'SchemaDrift':
    case 'SnapshotShrank':
      return judgeReport(sight, kind);
  }
}

function judgeRun({ run }: Sight): Judgement {
  const isOver = () => run?.status?.phase === 'Succeeded';
  if (run?.status?.phase !== 'Failed') return { troubles: [], isOver };
  const { name } = run.metadata;
  return { troubles: [{ run: name, message: `${name}: ${whyFailed(run)}` }], isOver };
}

function whyFailed({ status }: PipelineRun): string {
  const [first, ...others] = status?.failures ?? [];
  if (!first) return conditionOf(status?.conditions, 'Succeeded')?.message ?? 'no step tells why';
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  return `${first.stage} of ${first.dataset}: ${first.reason}: ${first.message}${more}`;
}

/** A condition that is not known says neither that something is wrong nor that it is over. */
function judgeCondition({ pipeline }: Sight, type: 'Fresh' | 'Conserved'): Judgement {
  const found = conditionOf(pipeline.status?.conditions, type);
  const troubles = found?.status === 'False' ? [{ message: found.message }] : [];
  return { troubles, isOver: () => found?.status === 'True' };
}

const conditionOf = (conditions: readonly Condition[] | undefined, type: string): Condition | undefined =>
  conditions?.find((condition) => condition.type === type);

function judgeReport({ report }: Sight, kind: AlertKind): Judgement {
  if (!report) return { troubles: [], isOver: () => false };
  const told = report.why.filter(({ reason }) => reason === kind);
  const byDataset = Map.groupBy(told, ({ dataset }) => dataset);
  const troubles = [...byDataset].map(([dataset, all]) => ({
    ...(dataset === undefined ? {} : { dataset }),
    message: all.map(({ message }) => message).join('; '),
    run: report.run,
  }));
  return { troubles, isOver: (dataset) => report.status === 'Succeeded' && hasLookedAt(report, kind, dataset) };
}

/**
 * A run that had nothing to do for a dataset says nothing about its rows. Of a budget it says much: work that waits for
 * credits would have been told.
 */
const hasLookedAt = ({ datasets }: RunReport, kind: AlertKind, dataset: string | undefined): boolean =>
  kind === 'BudgetSpent' ||
  dataset === undefined ||
  datasets.some(({ name, slices }) => name === dataset && slices > 0);
