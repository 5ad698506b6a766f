import type { Pipeline, PipelineRun, PipelineRunSpec } from '../../api/index.ts';
import { canonical } from '../../run/key.ts';
import { hasEnded } from '../runs.ts';
import type { Controller } from './controller.ts';

/** What `jobpulse run` asks the owner of a data directory for. Holds no secret. */
export interface Submission {
  /** Chosen by the one who asks: asking twice is harmless. */
  readonly run: string;
  readonly asOf: string;
  readonly pipeline: Pipeline;
  readonly filesRoot: string;
  readonly spec: Pick<PipelineRunSpec, 'from' | 'params' | 'datasets'>;
}

/** A run that was interrupted this long ago is not gone on with: what it saw of the source is stale. */
const staleMs = 24 * 3600_000;

/** Runs that nobody follows any more, from an earlier owner: each may be taken up once. */
export async function interruptedRuns(controller: Controller): Promise<Map<string, PipelineRun>> {
  const open = (await controller.resources.runs.list()).filter((run) => !hasEnded(run));
  return new Map(open.map((run) => [run.metadata.name, run]));
}

/**
 * Applies the pipeline and creates the run, or takes up the same run where it was interrupted.
 * Interrupted runs of the pipeline that ask for something else give way.
 */
export async function submit(
  controller: Controller,
  submission: Submission,
  interrupted: Map<string, PipelineRun>,
): Promise<{ readonly run: string; readonly resumed: boolean }> {
  const { pipeline, filesRoot, spec } = submission;
  await controller.apply(pipeline, filesRoot);
  let resumed: string | undefined;
  for (const [name, run] of interrupted) {
    if (run.spec.pipelineRef.name !== pipeline.metadata.name) continue;
    interrupted.delete(name);
    if (resumed === undefined && asksTheSame(run, spec) && !isStale(run)) resumed = name;
    else await controller.resources.runs.update(name, (each) => ({ ...each, spec: { ...each.spec, state: 'Cancel' } }));
  }
  if (resumed !== undefined) return { run: resumed, resumed: true };
  await controller.resources.runs.create(newRun(submission, await nextAsOf(controller, submission)));
  return { run: submission.run, resumed: false };
}

/** A run's logical time is greater than that of any run of its pipeline before it. */
async function nextAsOf(controller: Controller, { asOf, pipeline }: Submission): Promise<string> {
  const others = (await controller.resources.runs.list())
    .filter((run) => run.spec.pipelineRef.name === pipeline.metadata.name)
    .map((run) => Date.parse(run.status?.asOf ?? ''));
  const latest = others.reduce((a, b) => Math.max(a, Number.isNaN(b) ? 0 : b), 0);
  return new Date(Math.max(Date.parse(asOf), latest + 1)).toISOString();
}

function newRun({ run, pipeline, spec }: Submission, asOf: string): PipelineRun {
  const defaults = { refresh: false, priority: 'Normal', maxSharePercent: 100, state: 'Run', ttl: '30d' } as const;
  return {
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'PipelineRun',
    metadata: { name: run },
    spec: { pipelineRef: { name: pipeline.metadata.name }, ...defaults, ...spec },
    status: { asOf },
  };
}

const asksTheSame = ({ spec }: PipelineRun, { from, params, datasets }: Submission['spec']): boolean =>
  canonical([from, params, datasets] as never) === canonical([spec.from, spec.params, spec.datasets] as never);

const isStale = (run: PipelineRun): boolean => Date.now() - Date.parse(run.status?.startTime ?? '') > staleMs;
