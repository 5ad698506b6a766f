import type { Pipeline, PipelineRun, PipelineRunSpec } from '../../api/index.ts';
import type { WorkEvent } from '../../queue/events.ts';
import { canonical } from '../../run/key.ts';
import { hasEnded } from '../runs.ts';
import { type Trigger, triggerLabel } from '../trigger.ts';
import type { Controller } from './controller.ts';
import { createRun } from './history.ts';
import type { Needs } from './needs.ts';

/** What `jobpulse run` asks the owner of a data directory for. Holds no secret. */
export interface Submission {
  /** Chosen by the one who asks: asking twice is harmless. */
  readonly run: string;
  readonly asOf: string;
  readonly pipeline: Pipeline;
  readonly filesRoot: string;
  readonly spec: RunWish;
  readonly needs: Needs;
  /** Why it is asked for. Default: Manual. */
  readonly trigger?: Trigger;
}

/** What a run is to do; what is left out has its default. */
export type RunWish = Pick<PipelineRunSpec, 'from' | 'params' | 'datasets'> &
  Partial<Pick<PipelineRunSpec, 'interval' | 'refresh' | 'priority' | 'maxSharePercent'>>;

/** What someone who waits for a run is told. */
export type RunEvent =
  | WorkEvent
  | { readonly type: 'resumed'; readonly run: string }
  /** For another process, which cannot do the run, to end. */
  | { readonly type: 'waiting'; readonly message: string };

/** A run that has ended: its name, and why when it left no report. */
export interface RunEnd {
  readonly run: string;
  readonly message: string;
}

/** A run that was interrupted this long ago is not gone on with: what it saw of the source is stale. */
const staleMs = 24 * 3600_000;

/** Runs that nobody follows any more, from an earlier owner: each may be taken up once. */
export async function interruptedRuns(controller: Controller): Promise<Map<string, PipelineRun>> {
  const open = (await controller.resources.runs.list()).filter((run) => !hasEnded(run));
  return new Map(open.map((run) => [run.metadata.name, run]));
}

/** Does a submission to its end. `interrupted` are runs of an earlier owner that may be taken up. */
export async function runSubmission(
  controller: Controller,
  submission: Submission,
  interrupted: Map<string, PipelineRun>,
  watch: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<RunEnd> {
  const { run, resumed } = await submit(controller, submission, interrupted);
  if (resumed) watch({ type: 'resumed', run });
  return endOf(await Promise.race([controller.follow(run, watch), rejectOn(signal)]));
}

/**
 * Applies the pipeline and creates the run, or takes up one that was interrupted: this very run, when the owner before
 * us ended, or one that asks for the same. Other interrupted runs of the pipeline give way.
 */
export async function submit(
  controller: Controller,
  submission: Submission,
  interrupted: Map<string, PipelineRun>,
): Promise<{ readonly run: string; readonly resumed: boolean }> {
  const { pipeline, filesRoot, spec } = submission;
  await controller.apply(pipeline, filesRoot);
  const begun = await controller.resources.runs.get(submission.run);
  if (begun && hasEnded(begun)) return { run: submission.run, resumed: false };
  const left = takeRunsOf(pipeline.metadata.name, interrupted);
  const resumed = begun ?? left.find((run) => asksTheSame(run, spec) && !isStale(run));
  for (const { metadata } of left) {
    if (metadata.name !== resumed?.metadata.name) await cancelRun(controller, metadata.name);
  }
  if (resumed) return { run: resumed.metadata.name, resumed: true };
  const asOf = await nextAsOf(controller, submission);
  await createRun(controller.resources, newRun(pipeline.metadata.name, submission, asOf));
  return { run: submission.run, resumed: false };
}

/** Takes the runs of a pipeline out, at once, so that no other submission takes one up too. */
function takeRunsOf(pipeline: string, interrupted: Map<string, PipelineRun>): readonly PipelineRun[] {
  const taken = [...interrupted.values()].filter((run) => run.spec.pipelineRef.name === pipeline);
  for (const { metadata } of taken) interrupted.delete(metadata.name);
  return taken;
}

/** What a run that has ended says of its end. */
export const endOf = ({ metadata, status }: PipelineRun): RunEnd => ({
  run: metadata.name,
  message: status?.conditions?.find(({ type }) => type === 'Succeeded')?.message ?? 'it ended without a report',
});

/** Rejects when the signal aborts. */
export const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

/** Asks a run to end as it is. */
export const cancelRun = ({ resources }: Pick<Controller, 'resources'>, name: string): Promise<void> =>
  resources.runs.update(name, (run) => ({ ...run, spec: { ...run.spec, state: 'Cancel' } }));

/** A run's logical time is greater than that of any run of its pipeline before it. */
async function nextAsOf(controller: Controller, { asOf, pipeline }: Submission): Promise<string> {
  const others = (await controller.resources.runs.list())
    .filter((run) => run.spec.pipelineRef.name === pipeline.metadata.name)
    .map((run) => Date.parse(run.status?.asOf ?? ''));
  const latest = others.reduce((a, b) => Math.max(a, Number.isNaN(b) ? 0 : b), 0);
  return new Date(Math.max(Date.parse(asOf), latest + 1)).toISOString();
}

/** A run that nothing has been done for yet. */
export function newRun(
  pipeline: string,
  { run, spec, trigger = 'Manual' }: Pick<Submission, 'run' | 'spec' | 'trigger'>,
  asOf: string,
): PipelineRun {
  const defaults = { refresh: false, priority: 'Normal', maxSharePercent: 100, state: 'Run', ttl: '30d' } as const;
  return {
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'PipelineRun',
    metadata: { name: run, labels: { [triggerLabel]: trigger } },
    spec: { pipelineRef: { name: pipeline }, ...defaults, ...spec },
    status: { asOf },
  };
}

const asksTheSame = ({ spec }: PipelineRun, wish: RunWish): boolean => wishText(spec) === wishText(wish);

const wishText = ({ from, params, datasets, interval, refresh = false }: RunWish): string =>
  canonical([from, params, datasets, interval ?? null, refresh] as never);

/** Whether a run was interrupted too long ago to go on with. */
export const isStale = (run: PipelineRun): boolean => Date.now() - Date.parse(run.status?.startTime ?? '') > staleMs;
