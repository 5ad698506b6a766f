import type { Condition, Pipeline, PipelineRun, PipelineRunStatus } from '../api/index.ts';
import { layout } from '../lake/layout.ts';
import { type PlanPayload, type PlanResult, payloadVersion } from '../queue/payload.ts';
import type { RunReport } from '../run/report.ts';
import type { Failure } from '../run/types.ts';
import type { World } from './world.ts';

/** A step is tried for at most this long after its wave was planned. */
const stepPatienceMs = 24 * 3600_000;
/** Failures told in a run's status. */
const failureLimit = 100;

type Phase = NonNullable<PipelineRunStatus['phase']>;

/** Whether nothing more will happen to a run. */
export const hasEnded = (run: PipelineRun): boolean =>
  ['Succeeded', 'Failed', 'Cancelled'].includes(run.status?.phase ?? 'Pending');

/**
 * Moves a run on as far as it can go now: the only thing in the system that does. Level-triggered: it looks at what is,
 * so calling it once too often, after a crash or over an emptied Redis changes nothing that it should not.
 */
export async function reconcileRun(world: World, name: string): Promise<void> {
  const run = await world.run(name);
  if (!run || hasEnded(run)) return;
  if (run.spec.state === 'Cancel') return end(world, run, 'Cancelled', cancelled);
  const pipeline = await world.pipeline(run.spec.pipelineRef.name);
  if (!pipeline) return end(world, run, 'Failed', { reason: 'PipelineMissing', message: noPipeline(run) });
  if (run.status?.wave === undefined) return begin(world, run, pipeline);
  return follow(world, run, pipeline, run.status.wave);
}

const cancelled = { reason: 'Cancelled', message: 'cancelled; what is published stays published' };

const noPipeline = (run: PipelineRun): string =>
  `there is no Pipeline ${run.spec.pipelineRef.name}; apply it, then create the run again`;

/** The first wave has no steps: its plan finds out what is missing. */
async function begin(world: World, run: PipelineRun, pipeline: Pipeline): Promise<void> {
  const now = world.now().toISOString();
  await enter(world, { ...run, status: { asOf: now, startTime: now, ...run.status } }, pipeline, 0, []);
}

/** Adds the wave, then writes its number down: what is done again after a crash between the two adds nothing. */
async function enter(
  world: World,
  run: PipelineRun,
  pipeline: Pipeline,
  wave: number,
  steps: PlanResult['steps'],
): Promise<void> {
  await world.waves.add(pipeline.metadata.name, wave, planPayload(world, run, pipeline), steps);
  const { done = 0, failed = 0 } = run.status?.steps ?? {};
  const total = done + failed + steps.length;
  const status = withPhase(world, run, 'Running', { reason: 'Running', message: `${total} steps so far` });
  await world.writeRunStatus(run.metadata.name, { ...status, wave, steps: { total, done, failed } });
}

function planPayload(world: World, { metadata, spec, status }: PipelineRun, pipeline: Pipeline): PlanPayload {
  const { datasets, from, params } = spec;
  const asOf = status?.asOf ?? world.now().toISOString();
  return {
    v: payloadVersion,
    run: { name: metadata.name, asOf, from, ...(datasets.length > 0 ? { datasets } : {}) },
    params,
    pipeline: { ...pipeline, status: undefined },
    installation: world.installation,
    warehouse: world.warehouse,
    failures: status?.failures ?? [],
    startedAt: status?.startTime ?? asOf,
    notAfter: new Date(world.now().getTime() + stepPatienceMs).toISOString(),
  };
}

async function follow(world: World, run: PipelineRun, pipeline: Pipeline, wave: number): Promise<void> {
  const seen = await world.waves.look(pipeline.metadata.name, run.metadata.name, wave);
  switch (seen.state) {
    case 'open':
      return;
    case 'missing': // Redis was wiped: what is published stays published, the rest is planned again
      return enter(world, run, pipeline, wave + 1, []);
    case 'failed':
      return end(world, run, 'Failed', seen);
    case 'planned':
      return advance(world, run, pipeline, wave, seen.result);
  }
}

async function advance(
  world: World,
  run: PipelineRun,
  pipeline: Pipeline,
  wave: number,
  { steps, failures: added, report }: PlanResult,
): Promise<void> {
  const known = { ...run, status: { ...run.status, ...afterWave(run.status, added) } };
  if (!report) return enter(world, known, pipeline, wave + 1, steps);
  await end(world, withReport(known, report), report.status === 'Succeeded' ? 'Succeeded' : 'Failed', outcome(report));
}

/** What is known when all steps so far have ended. */
function afterWave(before: PipelineRunStatus | undefined, added: readonly Failure[]): PipelineRunStatus {
  const failures = [...(before?.failures ?? []), ...added].slice(0, failureLimit);
  const total = before?.steps?.total ?? 0;
  const failed = (before?.steps?.failed ?? 0) + added.length;
  return { steps: { total, done: total - failed, failed }, ...(failures.length > 0 ? { failures } : {}) };
}

function withReport(run: PipelineRun, report: RunReport): PipelineRun {
  const datasets = report.datasets.map(
    ({
      name,
      read,
      expanded,
      clean,
      rejected,
      filtered,
      deduplicated,
      added,
      modified,
      unchanged,
      superseded,
      marked,
      deleted,
      seconds,
    }) => ({
      ...{ name, covered: [], unavailable: [], read, expanded, clean, rejected, filtered, deduplicated },
      ...{ added, modified, unchanged, superseded, marked, deleted, seconds },
    }),
  );
  return {
    ...run,
    status: { ...run.status, datasets, reportURI: `${report.pipeline}/${layout.runReport(report.run)}` },
  };
}

const outcome = (report: RunReport): { reason: string; message: string } => {
  const [first] = report.why;
  return report.status === 'Succeeded'
    ? { reason: 'Completed', message: `finished in ${report.seconds} s` }
    : { reason: first?.reason ?? 'StepsFailed', message: first?.message ?? 'steps failed' };
};

/** Writes the end down; from then on nobody needs what is in the queues. */
async function end(
  world: World,
  run: PipelineRun,
  phase: Phase,
  why: { readonly reason: string; readonly message: string },
): Promise<void> {
  const finishTime = world.now().toISOString();
  await world.writeRunStatus(run.metadata.name, { ...withPhase(world, run, phase, why), finishTime });
  await world.waves.forget(run.spec.pipelineRef.name, run.metadata.name, run.status?.wave ?? 0);
}

/** The status with a phase and the `Succeeded` condition that says the same; its time moves only when it changes. */
function withPhase(
  world: World,
  run: PipelineRun,
  phase: Phase,
  why: { reason: string; message: string },
): PipelineRunStatus {
  const status = phase === 'Succeeded' ? 'True' : phase === 'Failed' || phase === 'Cancelled' ? 'False' : 'Unknown';
  const before = run.status?.conditions?.find(({ type }) => type === 'Succeeded');
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : world.now().toISOString();
  const generation = run.metadata.generation ?? 1;
  const condition: Condition = {
    type: 'Succeeded',
    status,
    ...why,
    observedGeneration: generation,
    lastTransitionTime,
  };
  const others = run.status?.conditions?.filter(({ type }) => type !== 'Succeeded') ?? [];
  return { ...run.status, observedGeneration: generation, phase, conditions: [condition, ...others] };
}
