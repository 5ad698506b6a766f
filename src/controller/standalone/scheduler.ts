import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Condition, Pipeline, PipelineRun, PipelineStatus } from '../../api/index.ts';
import { type AfterDecision, afterCycle, decideAfter } from '../after.ts';
import { hasEnded } from '../runs.ts';
import { decideSchedule, jitterOf, type ScheduleDecision, scheduleCondition } from '../schedule.ts';
import type { Trigger } from '../trigger.ts';
import { cleanUp } from './history.ts';
import type { Resources } from './resources.ts';

/** A run that nobody asked for. */
export interface OwnRun {
  readonly name: string;
  readonly asOf: Date;
  readonly trigger: Trigger;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface SchedulerInput {
  readonly resources: Resources;
  /** Name of this installation among all that may wake at one time. */
  readonly installation: string;
  /** The pipelines that are scheduled, as their manifests are now. */
  readonly pipelines: () => readonly Pipeline[];
  readonly create: (pipeline: string, run: OwnRun) => Promise<void>;
  readonly cancel: (run: string) => Promise<void>;
  readonly log: Logger;
}

export interface Scheduler {
  /** Something has changed: looks at once. */
  look(): void;
  /** Settles when the last look has ended. Nothing is scheduled any more, and the stored pipelines say so. */
  stop(): Promise<void>;
}

/** Timers stand still while a machine sleeps, and a clock may be set: the scheduler looks at it this often. */
const longestPauseMs = 10_000;
/** A look that comes so late was kept from coming. */
const breakMs = 60_000;

/** Creates the runs that schedules ask for. All it needs to know is stored: it may be killed and started at any time. */
export function startScheduler(input: SchedulerInput): Scheduler {
  const { resources, pipelines, log } = input;
  const stopping = new AbortController();
  let wake = new AbortController();
  const running = (async () => {
    let awakeSince = new Date();
    let lookedAt = awakeSince;
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      const now = new Date();
      if (now.getTime() - lookedAt.getTime() > breakMs) awakeSince = now;
      lookedAt = now;
      const lookAt = await lookAtAll(input, { now, awakeSince }).catch((error: unknown) => {
        log.error(error, 'the schedules could not be looked at; they will be again');
        return Number.POSITIVE_INFINITY;
      });
      const pause = Math.min(longestPauseMs, Math.max(0, lookAt - Date.now()));
      const signal = AbortSignal.any([wake.signal, stopping.signal]);
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  })();
  return {
    look: () => wake.abort(),
    async stop() {
      stopping.abort();
      await running;
      for (const { metadata } of pipelines()) await writeNextRun(resources, metadata.name, undefined);
    },
  };
}

type Moment = Pick<Parameters<typeof decideSchedule>[0], 'now' | 'awakeSince'>;

/** Does what all schedules ask for now, and lets go of old runs; returns when to look again. */
async function lookAtAll(input: SchedulerInput, moment: Moment): Promise<number> {
  const runs = Map.groupBy(await input.resources.runs.list(), ({ spec }) => spec.pipelineRef.name);
  let lookAt = Number.POSITIVE_INFINITY;
  for (const pipeline of input.pipelines()) {
    const decision = await lookAtOne(input, pipeline, runs, moment);
    await cleanUp(input.resources, pipeline.metadata.name, moment.now);
    lookAt = Math.min(lookAt, decision.lookAt?.getTime() ?? lookAt);
  }
  return lookAt;
}

type RunsByPipeline = ReadonlyMap<string, readonly PipelineRun[]>;

async function lookAtOne(
  input: SchedulerInput,
  pipeline: Pipeline,
  all: RunsByPipeline,
  moment: Moment,
): Promise<ScheduleDecision> {
  const { resources, installation, create, cancel } = input;
  const { name } = pipeline.metadata;
  const runs = all.get(name) ?? [];
  const stored = await resources.pipelines.get(name);
  if (!stored) return { create: [], cancel: [] };
  const condition = scheduleCondition({ ...stored, spec: pipeline.spec }, moment.now);
  const spec = { ...pipeline.spec, suspend: condition?.status !== 'False' };
  const since = new Date(condition?.lastTransitionTime ?? moment.now);
  const decision = decideSchedule({
    ...moment,
    pipeline: name,
    spec,
    runs: runs.map((run) => ({
      name: run.metadata.name,
      asOf: new Date(run.status?.asOf ?? 0),
      ended: hasEnded(run),
    })),
    since,
    jitterMs: jitterOf(installation, name),
  });
  // Since when the schedule is on must be known before its first tick, also to whoever comes after a crash.
  await writeNextRun(resources, name, decision.nextRun, condition);
  const asked = decision.create.length > 0; // one run at a time: what others ask for is decided at the next look
  const after = asked ? noRun : lookAtOthers(input, { ...pipeline, spec }, all, since, moment.now);
  for (const run of [...decision.cancel, ...after.cancel]) await cancel(run);
  for (const run of decision.create) await create(name, { ...run, trigger: 'Schedule' });
  if (after.create) await create(name, { ...after.create, trigger: 'After' });
  return decision;
}

const noRun: AfterDecision = { cancel: [] };

/** What the pipelines that this one runs after ask for. */
function lookAtOthers(
  { pipelines }: SchedulerInput,
  { metadata: { name }, spec }: Pipeline,
  all: RunsByPipeline,
  since: Date,
  now: Date,
): AfterDecision {
  if (spec.after.length === 0 || afterCycle(name, pipelines())) return noRun; // told when it is applied
  const runsOf = (other: string) => all.get(other) ?? [];
  return decideAfter({ pipeline: name, spec, runs: runsOf(name), runsOf, since, now });
}

const writeNextRun = (
  resources: Resources,
  name: string,
  nextRun: Date | undefined,
  condition?: ReturnType<typeof scheduleCondition>,
): Promise<void> =>
  resources.pipelines.update(name, (before) => {
    const { nextRunTime: _, ...status }: PipelineStatus = before.status ?? {};
    return {
      ...before,
      status: {
        ...status,
        ...(nextRun === undefined ? {} : { nextRunTime: nextRun.toISOString() }),
        ...(condition === undefined ? {} : { conditions: withCondition(status.conditions, condition) }),
      },
    };
  });

/** In its place: others who write the status keep the order. */
const withCondition = (conditions: readonly Condition[] = [], condition: Condition): Condition[] =>
  conditions.some(({ type }) => type === condition.type)
    ? conditions.map((each) => (each.type === condition.type ? condition : each))
    : [...conditions, condition];
