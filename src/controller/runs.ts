import type { Pipeline, PipelineRun, PipelineRunStatus } from '../api/index.ts';
import { type PlanPayload, type PlanResult, payloadVersion } from '../queue/payload.ts';
import type { WaveState } from '../queue/wave.ts';
import { type Away, awayText } from '../run/away.ts';
import type { RunReport } from '../run/report.ts';
import {
  afterForgetting,
  afterWave,
  atBegin,
  countEveryMs,
  during,
  isForgotten,
  isNews,
  type Reasoned,
  reasonOf,
  stepsText,
  underWayText,
  withPhase,
  withReport,
} from './runStatus.ts';
import type { World } from './world.ts';

/** A step is tried for at most this long after its wave was planned. */
const stepPatienceMs = 24 * 3600_000;

/** Whether nothing more will happen to a run. */
export const hasEnded = (run: PipelineRun): boolean =>
  ['Succeeded', 'Failed', 'Cancelled'].includes(run.status?.phase ?? 'Pending');

/** Whether nothing of a run is under way any more either; of one that was cancelled, steps may be for a while. */
export const isSettled = (run: PipelineRun): boolean => hasEnded(run) && (run.status?.steps?.running ?? 0) === 0;

/** After how long a run is to be looked at again although nobody told that something happened. */
export const lookAgainMs = ({ status }: PipelineRun): number | undefined =>
  status?.phase === 'Running' || (isForgotten(status) && (status?.steps?.running ?? 0) > 0) ? countEveryMs : undefined;

/**
 * Moves a run on as far as it can go now: the only thing in the system that does. Level-triggered: it looks at what is,
 * so calling it once too often, after a crash or over an emptied Redis changes nothing that it should not. A status that
 * could not be written (a crash, a conflict) is found again from what is in the queues, except where the run ends: then
 * it is written before the queues forget the run.
 */
export async function reconcileRun(world: World, name: string): Promise<void> {
  const run = await world.run(name);
  if (!run) return;
  if (hasEnded(run)) return settle(world, run);
  if (run.spec.state === 'Cancel') return cancel(world, run);
  if (run.spec.state === 'Pause') return pause(world, run);
  const pipeline = await world.pipeline(run.spec.pipelineRef.name);
  if (!pipeline) return end(world, run, 'Failed', { reason: 'PipelineMissing', message: noPipeline(run) });
  if (run.status?.wave === undefined) return begin(world, run, pipeline);
  return follow(world, run, pipeline, run.status.wave);
}

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
  const payload = planPayload(world, run, pipeline);
  await world.waves.add(pipeline.metadata.name, wave, payload, steps, run.spec.priority);
  const counts = atBegin(run.status, steps.length, world.now());
  await write(world, { ...run, status: { ...run.status, wave, steps: counts } }, 'Running', running(counts));
}

const running = (steps: PipelineRunStatus['steps'], away?: Away): Reasoned =>
  away === undefined
    ? { reason: 'Running', message: stepsText(steps) }
    : { reason: away, message: `${stepsText(steps)}; ${awayText(away)}` };

function planPayload(world: World, { metadata, spec, status }: PipelineRun, pipeline: Pipeline): PlanPayload {
  const { datasets, from, params, interval, refresh } = spec;
  const asOf = status?.asOf ?? world.now().toISOString();
  return {
    v: payloadVersion,
    run: {
      ...{ name: metadata.name, asOf, from },
      ...(datasets.length > 0 ? { datasets } : {}),
      ...(interval ? { interval } : {}),
      ...(refresh ? { refresh } : {}),
    },
    params,
    pipeline: { ...pipeline, status: undefined },
    installation: world.installation,
    warehouse: world.warehouse(pipeline),
    failures: status?.failures ?? [],
    startedAt: status?.startTime ?? asOf,
    notAfter: new Date(world.now().getTime() + stepPatienceMs).toISOString(),
  };
}

async function follow(world: World, run: PipelineRun, pipeline: Pipeline, wave: number): Promise<void> {
  if (run.status?.phase === 'Paused') return enter(world, run, pipeline, wave + 1, []);
  const seen = await world.waves.look(pipeline.metadata.name, run.metadata.name, wave);
  switch (seen.state) {
    case 'open':
      if (seen.priority === run.spec.priority) return count(world, run, seen);
      await world.waves.forget(pipeline.metadata.name, run.metadata.name, wave); // planned again, with the new priority
      return enter(world, run, pipeline, wave + 1, []);
    case 'missing': // Redis was wiped: what is published stays published, the rest is planned again
      return enter(world, run, pipeline, wave + 1, []);
    case 'failed':
      return end(world, run, 'Failed', seen);
    case 'planned':
      return advance(world, run, pipeline, wave, seen.result);
  }
}

type OpenWave = Extract<WaveState, { state: 'open' }>;

/** Tells how far the wave is, now and then, and at once what begins or ends to hold it up. */
async function count(world: World, run: PipelineRun, wave: OpenWave): Promise<void> {
  const steps = during(run.status, wave.steps, world.now());
  const why = running(steps, wave.away);
  if (!isNews(run.status?.steps, steps) && reasonOf(run) === why.reason) return;
  await write(world, { ...run, status: { ...run.status, steps } }, 'Running', why);
}

async function advance(
  world: World,
  run: PipelineRun,
  pipeline: Pipeline,
  wave: number,
  { steps, failures, report }: PlanResult,
): Promise<void> {
  const known = { ...run, status: { ...run.status, ...afterWave(run.status, failures, world.now()) } };
  if (report) return conclude(world, known, report);
  await enter(world, known, pipeline, wave + 1, steps);
}

const conclude = (world: World, run: PipelineRun, report: RunReport): Promise<void> =>
  end(
    world,
    withReport(run, report, world.now()),
    report.status === 'Succeeded' ? 'Succeeded' : 'Failed',
    outcome(report),
  );

const outcome = (report: RunReport): Reasoned => {
  const [first] = report.why;
  return report.status === 'Succeeded'
    ? { reason: 'Completed', message: `finished in ${report.seconds} s` }
    : { reason: first?.reason ?? 'StepsFailed', message: first?.message ?? 'steps failed' };
};

/** Takes what waits out of the queues; a run that went on would plan it again. */
async function pause(world: World, before: PipelineRun): Promise<void> {
  const { name } = before.metadata;
  if (before.status?.phase === 'Paused') return rest(world, before, await world.waves.underWay(name));
  const { wave } = before.status ?? {};
  const pipeline = before.spec.pipelineRef.name;
  const seen = wave === undefined ? undefined : await world.waves.look(pipeline, name, wave);
  if (seen?.state === 'planned') {
    const status = { ...before.status, ...afterWave(before.status, seen.result.failures, world.now()) };
    const known = { ...before, status };
    if (seen.result.report) return conclude(world, known, seen.result.report); // nothing is left to pause
    return rest(world, known, await world.waves.forget(pipeline, name, wave ?? 0));
  }
  const steps = seen?.state === 'open' ? { steps: during(before.status, seen.steps, world.now()) } : {};
  const known = { ...before, status: { ...before.status, ...steps } };
  await rest(world, known, await world.waves.forget(pipeline, name, wave ?? 0));
}

/** Says what a paused run still does. */
async function rest(world: World, run: PipelineRun, underWay: number): Promise<void> {
  const steps = afterForgetting(run.status, underWay, world.now());
  if (run.status?.phase === 'Paused' && run.status.steps?.running === underWay) return;
  const message = `paused at ${stepsText(steps)}; ${underWayText(underWay)}`;
  await write(world, { ...run, status: { ...run.status, steps } }, 'Paused', { reason: 'Paused', message });
}

/** First out of the queues, so that the end can say what is still under way. */
async function cancel(world: World, run: PipelineRun): Promise<void> {
  const left = await world.waves.forget(run.spec.pipelineRef.name, run.metadata.name, run.status?.wave ?? 0);
  const steps = afterForgetting(run.status, left, world.now());
  await write(world, { ...run, status: { ...run.status, steps } }, 'Cancelled', cancelled(left));
}

const cancelled = (underWay: number): Reasoned => ({
  reason: 'Cancelled',
  message: `cancelled; what is published stays published; ${underWayText(underWay)}`,
});

/** Says what a cancelled run still does; nothing else of its status changes. */
async function settle(world: World, run: PipelineRun): Promise<void> {
  if (run.status?.phase !== 'Cancelled' || isSettled(run)) return;
  const underWay = await world.waves.underWay(run.metadata.name);
  if (underWay === run.status.steps?.running) return;
  const steps = afterForgetting(run.status, underWay, world.now());
  const known = { ...run, status: { ...run.status, steps } };
  await world.writeRunStatus(run.metadata.name, withPhase(known, 'Cancelled', cancelled(underWay), world.now()));
}

type Phase = NonNullable<PipelineRunStatus['phase']>;

/** Writes the end down; from then on nobody needs what is in the queues. */
async function end(world: World, run: PipelineRun, phase: Phase, why: Reasoned): Promise<void> {
  await write(world, run, phase, why);
  await world.waves.forget(run.spec.pipelineRef.name, run.metadata.name, run.status?.wave ?? 0);
}

function write(world: World, run: PipelineRun, phase: Phase, { reason, message }: Reasoned): Promise<void> {
  const now = world.now();
  const status = withPhase(run, phase, { reason, message }, now);
  const ended = hasEnded({ ...run, status }) ? { finishTime: now.toISOString() } : {};
  return world.writeRunStatus(run.metadata.name, { ...status, ...ended });
}
