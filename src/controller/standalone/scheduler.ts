import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Condition, Pipeline, PipelineRun, PipelineStatus } from '../../api/index.ts';
import { afterCycle } from '../after.ts';
import { jitterOf } from '../schedule.ts';
import { type Moment, noRuns, type WantedRun, type WantedRuns, wantedRuns } from '../wantedRuns.ts';
import { cleanUp } from './history.ts';
import type { Resources } from './resources.ts';

export interface SchedulerInput {
  readonly resources: Resources;
  /** Name of this installation among all that may wake at one time. */
  readonly installation: string;
  /** The pipelines that are scheduled, as their manifests are now. */
  readonly pipelines: () => readonly Pipeline[];
  readonly create: (pipeline: string, run: WantedRun) => Promise<void>;
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

/** Does what all schedules ask for now, and lets go of old runs; returns when to look again. */
async function lookAtAll(input: SchedulerInput, moment: Omit<Moment, 'jitterMs'>): Promise<number> {
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
  { resources, pipelines, installation, create, cancel }: SchedulerInput,
  pipeline: Pipeline,
  runs: RunsByPipeline,
  moment: Omit<Moment, 'jitterMs'>,
): Promise<WantedRuns> {
  const { name } = pipeline.metadata;
  const stored = await resources.pipelines.get(name);
  if (!stored) return noRuns;
  const isCircle = afterCycle(name, pipelines()) !== undefined; // told when it is applied
  const current = { ...stored, spec: { ...pipeline.spec, ...(isCircle && { after: [] }) } };
  const wanted = wantedRuns(current, (other) => runs.get(other) ?? [], {
    ...moment,
    jitterMs: jitterOf(installation, name),
  });
  // Since when the schedule is on must be known before its first tick, also to whoever comes after a crash.
  await writeNextRun(resources, name, wanted.nextRun, wanted.condition);
  for (const run of wanted.cancel) await cancel(run);
  for (const run of wanted.create) await create(name, run);
  return wanted;
}

const writeNextRun = (
  resources: Resources,
  name: string,
  nextRun: Date | undefined,
  condition?: Condition | undefined,
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
