import type { Condition, PipelineRun, PipelineRunStatus } from '../api/index.ts';
import { layout } from '../lake/layout.ts';
import type { WaveSteps } from '../queue/wave.ts';
import type { DatasetReport, RunReport } from '../run/report.ts';
import type { Failure } from '../run/types.ts';

/** What a run's status says, as pure functions of what was known and what is seen now. */

type Phase = NonNullable<PipelineRunStatus['phase']>;
type Steps = NonNullable<PipelineRunStatus['steps']>;

/** Why something is as it is. */
export interface Reasoned {
  readonly reason: string;
  readonly message: string;
}

/** Failures told in a run's status. */
const failureLimit = 100;
/** Counts of steps are written this often at most: each write is a write to the store of all resources. */
export const countEveryMs = 2_000;

/** The status with a phase and the `Succeeded` condition that says the same. */
export function withPhase(run: PipelineRun, phase: Phase, why: Reasoned, now: Date): PipelineRunStatus {
  const status = phase === 'Succeeded' ? 'True' : phase === 'Failed' || phase === 'Cancelled' ? 'False' : 'Unknown';
  const conditions = withCondition(run, { type: 'Succeeded', status, ...why }, now);
  return { ...run.status, observedGeneration: run.metadata.generation ?? 1, phase, conditions };
}

/** Why a run is in the phase it is in. */
export const reasonOf = ({ status }: PipelineRun): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason;

type Observed = Pick<Condition, 'type' | 'status'> & Reasoned;

/** The conditions with one of them as it is seen now; its time moves only when its status does. */
function withCondition(run: PipelineRun, observed: Observed, now: Date): Condition[] {
  const before = run.status?.conditions?.find(({ type }) => type === observed.type);
  const isSame = before?.status === observed.status;
  const condition: Condition = {
    ...observed,
    observedGeneration: run.metadata.generation ?? 1,
    lastTransitionTime: isSame ? before.lastTransitionTime : now.toISOString(),
  };
  return [condition, ...(run.status?.conditions?.filter(({ type }) => type !== observed.type) ?? [])];
}

/**
 * Steps that failed in the waves before. Those of the wave under way are counted but not yet in the list, until the list
 * is full: from then on a wave's failures are counted when it has ended.
 */
const failedBefore = ({ failures = [], steps }: PipelineRunStatus): number =>
  failures.length < failureLimit ? failures.length : (steps?.failed ?? failureLimit);

/** The counts when a wave of so many steps begins. */
export function atBegin(before: PipelineRunStatus = {}, added: number, now: Date): Steps {
  const failed = failedBefore(before);
  const done = before.steps?.done ?? 0;
  return { total: done + failed + added, done, running: 0, failed, countedAt: now.toISOString() };
}

/** The counts while a wave is under way. */
export function during(before: PipelineRunStatus = {}, wave: WaveSteps, now: Date): Steps {
  const { failures = [], steps: { total = wave.total } = {} } = before;
  const failed = failedBefore(before);
  return {
    total,
    done: Math.max(0, total - failed - wave.total) + wave.done,
    running: wave.running,
    failed: failures.length < failureLimit ? failed + wave.failed : failed,
    countedAt: now.toISOString(),
  };
}

/** What is known when all steps so far have ended. */
export function afterWave(
  before: PipelineRunStatus = {},
  added: readonly Failure[],
  now: Date,
): Pick<PipelineRunStatus, 'steps' | 'failures'> {
  const failures = [...(before.failures ?? []), ...added].slice(0, failureLimit);
  const total = before.steps?.total ?? 0;
  const failed = failedBefore(before) + added.length;
  const steps = { total, done: Math.max(0, total - failed), running: 0, failed, countedAt: now.toISOString() };
  return { steps, ...(failures.length > 0 ? { failures } : {}) };
}

/** Whether a run was taken out of the queues before its end. */
export const isForgotten = ({ phase }: PipelineRunStatus = {}): boolean => phase === 'Paused' || phase === 'Cancelled';

/** Of a run whose wave was forgotten: a step that was under way and is no more is done; if it failed it is planned again. */
export function afterForgetting(before: PipelineRunStatus = {}, running: number, now: Date): Steps {
  const { total = 0, done = 0, failed = 0, running: were = 0 } = before.steps ?? {};
  const ended = isForgotten(before) ? Math.max(0, were - running) : 0;
  return { total: Math.max(total, done + ended), done: done + ended, running, failed, countedAt: now.toISOString() };
}

/** Whether counts are to be written: something changed, and the last time was long enough ago. */
export function isNews(before: Steps | undefined, { countedAt, ...counts }: Steps): boolean {
  const changed = Object.entries(counts).some(([name, count]) => before?.[name as keyof typeof counts] !== count);
  return changed && Date.parse(countedAt ?? '') - Date.parse(before?.countedAt ?? '1970-01-01') >= countEveryMs;
}

/** `12 of 31 steps, 1 failed`. */
export const stepsText = ({ total = 0, done = 0, failed = 0 }: Steps = {}): string =>
  `${done} of ${total} steps${failed > 0 ? `, ${failed} failed` : ''}`;

/** `2 steps are under way`, or none. */
export const underWayText = (running: number): string =>
  running === 0 ? 'nothing is under way' : `${running} ${running === 1 ? 'step is' : 'steps are'} under way`;

/** The run with what its report tells. */
export function withReport(run: PipelineRun, report: RunReport, now: Date): PipelineRun {
  const datasets = report.datasets.map(datasetResult);
  const reportURI = `${report.pipeline}/${layout.runReport(report.run)}`;
  const conditions = withCondition(run, { type: 'Conserved', ...conserved(report) }, now);
  return { ...run, status: { ...run.status, datasets, reportURI, conditions } };
}

function datasetResult(report: DatasetReport): NonNullable<PipelineRunStatus['datasets']>[number] {
  const { name, covered = [], unavailable = [], slicesMissing, deferred, seconds } = report;
  const { read, expanded, clean, rejected, filtered, deduplicated } = report;
  const { added, modified, unchanged, superseded, marked, deleted } = report;
  return {
    ...{ name, covered: [...covered], unavailable: [...unavailable] },
    ...(slicesMissing === undefined ? {} : { slicesMissing }),
    ...{ deferred, read, expanded, clean, rejected, filtered, deduplicated },
    ...{ added, modified, unchanged, superseded, marked, deleted, seconds },
  };
}

/** Whether what the run published adds up, with the figures. */
function conserved({ conserved, datasets, models }: RunReport): Pick<Condition, 'status'> & Reasoned {
  const published = datasets.some(({ slices }) => slices > 0) || models.some(({ skipped }) => !skipped);
  if (!published) {
    return { status: 'Unknown', reason: 'NothingPublished', message: 'this run published no step that counts rows' };
  }
  if (conserved) return { status: 'True', reason: 'Balanced', message: equation(sum(datasets)) };
  const broken = datasets.find((dataset) => !isBalanced(dataset));
  const message = broken
    ? `${broken.name}: ${equation(broken)}`
    : 'a step does not add up; the report shows the figures';
  return { status: 'False', reason: 'Unbalanced', message };
}

type Balance = Pick<DatasetReport, 'read' | 'expanded' | 'clean' | 'rejected' | 'filtered' | 'deduplicated'>;

const isBalanced = ({ read, expanded, clean, rejected, filtered, deduplicated }: Balance): boolean =>
  read + expanded === clean + rejected + filtered + deduplicated;

/** `500 read = 494 clean + 6 rejected + 0 filtered + 0 deduplicated`. */
function equation(balance: Balance): string {
  const { read, expanded, clean, rejected, filtered, deduplicated } = balance;
  const came = expanded > 0 ? `${read} read + ${expanded} expanded` : `${read} read`;
  const went = `${clean} clean + ${rejected} rejected + ${filtered} filtered + ${deduplicated} deduplicated`;
  return `${came} ${isBalanced(balance) ? '=' : '≠'} ${went}`;
}

function sum(datasets: readonly Balance[]): Balance {
  const of = (name: keyof Balance): number => datasets.reduce((total, dataset) => total + dataset[name], 0);
  return {
    ...{ read: of('read'), expanded: of('expanded'), clean: of('clean') },
    ...{ rejected: of('rejected'), filtered: of('filtered'), deduplicated: of('deduplicated') },
  };
}
