import type { Logger } from 'pino';
import type { Pipeline, PipelineRun, PipelineStatus } from '../../api/index.ts';
import type { Loads } from '../../queue/load.ts';
import { type PoolName, poolNames } from '../../queue/names.ts';
import { deriveStatus } from '../status/derive.ts';
import { seenQueues } from '../status/queues.ts';
import type { Seen, SeenPool } from '../status/seen.ts';
import { settle } from '../status/settle.ts';
import { noteAlive } from './lock.ts';
import type { Resources } from './resources.ts';

export interface StatusesInput {
  readonly dataDir: string;
  readonly resources: Resources;
  /** Names of the pipelines that are looked after now. */
  readonly served: ReadonlySet<string>;
  readonly loads: Pick<Loads, 'readQueues'>;
  readonly pools: () => Readonly<Record<PoolName, SeenPool>>;
  readonly log: Logger;
}

/** Keeps the status of the stored pipelines true. */
export interface Statuses {
  /** Something may have changed: looks, unless it just did. */
  observe(): void;
  /** Writes down that nobody looks after the pipelines any more. */
  stop(): Promise<void>;
}

const pollMs = 2_000;
/** Events come faster than a person can read. */
const pauseMs = 500;

/** Looks every two seconds, and when something happens. What cannot be written now is written by the next look. */
export function keepStatuses(input: StatusesInput): Statuses {
  const wroteAt = new Map<string, Date>();
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  const look = (): Promise<void> => {
    lookedAt = performance.now();
    looking ??= lookAtAll(input, input.served, wroteAt)
      .catch((error: unknown) => input.log.warn(error, 'the status of the pipelines could not be written'))
      .finally(() => {
        looking = undefined;
      });
    return looking;
  };
  const timer = setInterval(look, pollMs).unref();
  return {
    observe() {
      if (performance.now() - lookedAt >= pauseMs) void look();
    },
    async stop() {
      clearInterval(timer);
      await looking;
      await lookAtAll(input, new Set(), new Map()).catch(() => undefined); // whoever reads finds out by itself
    },
  };
}

async function lookAtAll(
  { dataDir, resources, loads, pools }: StatusesInput,
  served: ReadonlySet<string>,
  wroteAt: Map<string, Date>,
): Promise<void> {
  noteAlive(dataDir);
  const queues = served.size === 0 ? undefined : await loads.readQueues([...served], Date.now());
  const runs = Map.groupBy(await resources.runs.list(), ({ spec }) => spec.pipelineRef.name);
  for (const { metadata } of await resources.pipelines.list()) {
    const { name } = metadata;
    const known = { runs: runs.get(name) ?? [], now: new Date() };
    const load = queues?.get(name);
    const seen = served.has(name) ? { ...known, pools: pools(), ...(load && { queues: seenQueues(load) }) } : undefined;
    await resources.pipelines.update(name, (before) => {
      const status = seen ? statusOf({ ...seen, pipeline: before }) : unattendedStatus(before, known);
      if (!settle(before.status, status, { wroteAt: wroteAt.get(name), now: known.now }).write) return before;
      wroteAt.set(name, known.now);
      return { ...before, status };
    });
  }
}

/** The scheduler alone says when a schedule went on and when it ticks next: what went by before is not made up for. */
function statusOf(seen: Omit<Seen, 'nextRun'>): PipelineStatus {
  const { nextRunTime, conditions: before = [] } = seen.pipeline.status ?? {};
  const nextRun = nextRunTime === undefined ? {} : { nextRun: new Date(nextRunTime) };
  const status = deriveStatus({ ...seen, ...nextRun });
  const conditions = (status.conditions ?? []).flatMap((condition) => {
    const isNewlyOn = condition.reason === 'Scheduled' && condition.lastTransitionTime === seen.now.toISOString();
    return isNewlyOn ? before.filter(({ type }) => type === condition.type) : [condition];
  });
  return { ...status, conditions };
}

/** The status of a pipeline that no process looks after. */
export function unattendedStatus(
  pipeline: Pipeline,
  known: { readonly runs: readonly PipelineRun[]; readonly now: Date },
): PipelineStatus {
  const { nextRunTime: _, ...status } = pipeline.status ?? {};
  return statusOf({ ...known, pipeline: { ...pipeline, status }, pools: noWorkers, unattended: true });
}

const noWorkers = Object.fromEntries(
  poolNames.map((name): [PoolName, SeenPool] => [name, { replicas: 0, ready: 0, provider: 'Internal' }]),
);
