import type { Logger } from 'pino';
import type { WorkEvent } from '../../queue/events.ts';
import type { Loads, PipelineLoad, PoolLoad } from '../../queue/load.ts';
import { type PoolName, poolNames, pools, queueOf } from '../../queue/names.ts';
import {
  type Autoscaler,
  type ExplainedDecision,
  openAutoscaler,
  type ScalingPolicy,
} from '../autoscaler/autoscaler.ts';
import type { PoolSettings } from './render/pools.ts';
import { partsOf } from './stored.ts';

/** A pool of a Pipeline as the scaler sees it. */
export interface ScalablePool {
  readonly settings: PoolSettings;
  /** `spec.replicas` of its workload. */
  readonly replicas: number;
}

/** A Pipeline that has work, or workers. */
export interface ScalablePipeline {
  readonly namespace: string;
  readonly name: string;
  readonly pools: ReadonlyMap<PoolName, ScalablePool>;
}

/** What the scaler saw of a Pipeline last, and what it made of it. */
export interface Scaling {
  /** `undefined` while the queues cannot be read. */
  readonly queues: PipelineLoad | undefined;
  readonly decisions: ReadonlyMap<PoolName, ExplainedDecision>;
}

export interface ScalerOptions {
  /** The Pipelines whose pools may have to change; all others are at rest. */
  readonly live: () => readonly ScalablePipeline[];
  /** The Pipeline of a run. */
  readonly pipelineOf: (namespace: string, run: string) => string | undefined;
  readonly loads: (namespace: string) => Loads;
  /** Workers of a pool that have steps under way, by Pipeline. */
  readonly busy: (namespace: string, pool: PoolName) => Promise<ReadonlyMap<string, readonly string[]>>;
  /** Sets the number of workers of a pool; `busy` names those that are not to go. */
  readonly scale: (
    pipeline: ScalablePipeline,
    pool: PoolName,
    replicas: number,
    busy: readonly string[],
  ) => Promise<void>;
  /** Told of every Pipeline about which there is something new to say, also that it has come to rest. */
  readonly onChange: (pipeline: Pick<ScalablePipeline, 'namespace' | 'name'>) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
}

/** Keeps the pools of all Pipelines as large as their work needs. */
export interface Scaler {
  /** Takes notice of what a worker told, and looks soon. */
  observe(namespace: string, event: WorkEvent): void;
  /** Looks soon. */
  look(): void;
  /** What was seen last; `undefined` before the first look at a Pipeline, or when it is at rest. */
  seen(namespace: string, pipeline: string): Scaling | undefined;
  stop(): Promise<void>;
}

/** Queues are looked at this often, whether something is heard of them or not … */
const pollMs = 2_000;
/** … and no more often than this. */
const pauseMs = 500;

/** How soon what waits should be done, and how slowly pools shrink: pods come within seconds and cost little to keep. */
export const pace = { targetSeconds: 10, stepSize: 20, stabilisationSeconds: 30, cooldownSeconds: 60 } as const;

export function startScaler(options: ScalerOptions): Scaler {
  const { live, onChange, now, log } = options;
  const states = new Map<string, State>();
  let stopped = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const pass = async (): Promise<void> => {
    const pipelines = live();
    const known = new Set(pipelines.map(keyOf));
    for (const key of states.keys()) {
      if (known.has(key)) continue;
      states.delete(key);
      onChange(partsOf(key));
    }
    for (const [namespace, group] of Map.groupBy(pipelines, (pipeline) => pipeline.namespace)) {
      const seen = await lookAt(options, namespace, group);
      for (const pipeline of group) {
        const state = stateOf(states, keyOf(pipeline));
        if (await decideAll(options, pipeline, state, seen, () => stopped)) onChange(pipeline);
      }
    }
  };
  const look = (): void => {
    if (stopped || looking || now() - lookedAt < pauseMs) return;
    lookedAt = now();
    looking = pass()
      .catch((error: unknown) => log.warn(error, 'the pools could not be scaled; they are looked at again'))
      .then(() => {
        looking = undefined;
      });
  };
  const poll = setInterval(look, pollMs).unref();
  return {
    observe(namespace, event) {
      const name = options.pipelineOf(namespace, event.run);
      if (event.type === 'published' && name !== undefined) {
        stepEnded(states.get(keyOf({ namespace, name })), event.manifest);
      }
      look();
    },
    look,
    seen: (namespace, name) => states.get(keyOf({ namespace, name }))?.scaling,
    async stop() {
      stopped = true;
      clearInterval(poll);
      await looking;
    },
  };
}

interface State {
  readonly autoscalers: Map<PoolName, { readonly policy: ScalingPolicy; readonly autoscaler: Autoscaler }>;
  scaling: Scaling | undefined;
}

const keyOf = ({ namespace, name }: Pick<ScalablePipeline, 'namespace' | 'name'>): string => `${namespace}/${name}`;

function stateOf(states: Map<string, State>, key: string): State {
  const state = states.get(key) ?? { autoscalers: new Map(), scaling: undefined };
  states.set(key, state);
  return state;
}

/** What there is to do in a namespace, and who is at it. */
interface Look {
  readonly queues: ReadonlyMap<string, PipelineLoad> | undefined;
  readonly busy: ReadonlyMap<PoolName, ReadonlyMap<string, readonly string[]>>;
}

async function lookAt(
  { loads, busy, now }: ScalerOptions,
  namespace: string,
  group: readonly ScalablePipeline[],
): Promise<Look> {
  const queues = await loads(namespace).readQueues(
    group.map(({ name }) => name),
    now(),
  );
  if (!queues) return { queues, busy: new Map() };
  const workers = await Promise.all(poolNames.map(async (pool) => [pool, await busy(namespace, pool)] as const));
  return { queues, busy: new Map(workers) };
}

/** Decides about the pools of one Pipeline; tells whether what there is to say of it has changed. */
async function decideAll(
  { scale, now, log }: ScalerOptions,
  pipeline: ScalablePipeline,
  state: State,
  { queues, busy }: Look,
  stopped: () => boolean,
): Promise<boolean> {
  const before = state.scaling;
  const own = queues?.get(pipeline.name);
  const busyOf = (pool: PoolName) => busy.get(pool)?.get(pipeline.name) ?? [];
  const decisions = new Map(
    [...pipeline.pools].map(([pool, { settings, replicas }]): [PoolName, ExplainedDecision] => {
      const load = own && poolLoad(own, pool, busyOf(pool));
      return [pool, autoscalerOf(state, pool, settings).decide({ load, current: replicas, now: now(), ...never })];
    }),
  );
  // Known before it is acted on: what is written makes others look at the Pipeline, and ask why.
  state.scaling = { queues: own, decisions };
  for (const [pool, { reason, replicas }] of decisions) {
    const current = pipeline.pools.get(pool);
    if (!current || current.settings.provider === 'External' || current.replicas === replicas || stopped()) continue;
    log.info(`${keyOf(pipeline)}: ${pool} from ${current.replicas} to ${replicas} workers (${reason})`);
    await scale(pipeline, pool, replicas, busyOf(pool)).catch((error: Error) =>
      log.warn(`${keyOf(pipeline)}: ${pool} could not be scaled and will be again: ${error.message}`),
    );
  }
  return JSON.stringify(sayable(before)) !== JSON.stringify(sayable(state.scaling));
}

/** Runs are planned wave by wave: the next stage gets its steps when this one's have ended, so it is never too full. */
const never = { paused: false, downstreamFull: false } as const;

/** What a status says of it. */
const sayable = (scaling: Scaling | undefined) =>
  scaling && { queues: scaling.queues, decisions: [...scaling.decisions] };

function poolLoad(queues: PipelineLoad, pool: PoolName, busy: readonly string[]): PoolLoad {
  const sum = (count: 'waiting' | 'prioritized' | 'active' | 'due') =>
    pools[pool].reduce((total, stage) => total + queues[stage][count], 0);
  return { waiting: sum('waiting'), prioritized: sum('prioritized'), active: sum('active'), due: sum('due'), busy };
}

/** The autoscaler of a pool. It remembers what was wanted, so another policy begins anew. */
function autoscalerOf({ autoscalers }: State, pool: PoolName, settings: PoolSettings): Autoscaler {
  const { min, max, concurrency, globalConcurrency, startsPerSecond } = settings;
  const known = autoscalers.get(pool);
  const policy: ScalingPolicy = {
    ...pace,
    ...{ min, max, concurrency },
    ...(globalConcurrency !== undefined && { globalConcurrency }),
    ...(startsPerSecond !== undefined && { startsPerSecond }),
  };
  if (known && JSON.stringify(known.policy) === JSON.stringify(policy)) return known.autoscaler;
  const autoscaler = openAutoscaler(policy);
  autoscalers.set(pool, { policy, autoscaler });
  return autoscaler;
}

/** Every step makes the average of its pool's steps a little more like itself. */
function stepEnded(state: State | undefined, { stage, startedAt, finishedAt }: Published['manifest']): void {
  const pool = poolNames.find((name) => (pools[name] as readonly string[]).includes(queueOf[stage]));
  const known = pool && state?.autoscalers.get(pool);
  known?.autoscaler.stepTook((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
}

type Published = Extract<WorkEvent, { type: 'published' }>;
