import type { Logger } from 'pino';
import type { WorkEvent } from '../../queue/events.ts';
import type { Loads } from '../../queue/load.ts';
import { type PoolName, pools, queueOf } from '../../queue/names.ts';
import { type ExplainedDecision, openAutoscaler, type ScalingPolicy } from '../autoscaler/autoscaler.ts';
import type { Pool } from './processes.ts';

const pollMs = 2_000;
/** Events come faster than workers start. */
const pauseMs = 500;

/** A pool and how it is to be scaled. */
export interface ScaledPool {
  readonly name: PoolName;
  readonly pool: Pick<Pool, 'size' | 'scale'>;
  readonly policy: ScalingPolicy;
}

export interface ScalerOptions {
  readonly pools: readonly ScaledPool[];
  /** The pipelines that the pools serve. */
  readonly pipelines: () => readonly string[];
  readonly loads: Pick<Loads, 'read'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: Logger;
}

/** Keeps pools of local processes as large as their work needs. */
export interface Scaler {
  /** Takes notice of what a worker told, and looks soon. */
  observe(event: WorkEvent | undefined): void;
  /** Looks at the queues and scales the pools now. */
  look(): Promise<void>;
  /** The last decision about each pool: how many workers, and why. */
  decisions(): ReadonlyMap<PoolName, ExplainedDecision>;
  stop(): void;
}

/** Looks every two seconds, and when something happens. */
export function startScaler({ pools: scaled, pipelines, loads, now, log }: ScalerOptions): Scaler {
  const members = scaled.map((each) => ({ ...each, autoscaler: openAutoscaler(each.policy) }));
  const decisions = new Map<PoolName, ExplainedDecision>();
  let stopped = false;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const scale = async ({ name, pool, autoscaler }: (typeof members)[number]): Promise<void> => {
    const load = await loads.read(name, pipelines(), now());
    if (stopped) return;
    const decision = autoscaler.decide({ load, current: pool.size(), now: now(), ...always });
    const before = decisions.get(name);
    decisions.set(name, decision);
    if (decision.replicas !== before?.replicas || decision.reason !== before.reason) {
      log.debug({ pool: name, ...decision }, `${name}: ${decision.replicas} workers (${decision.reason})`);
    }
    pool.scale(decision.replicas, load?.busy);
  };
  const look = (): Promise<void> => {
    lookedAt = now();
    looking ??= Promise.all(members.map(scale)).then(() => {
      looking = undefined;
    });
    return looking;
  };
  const poll = setInterval(look, pollMs).unref();
  return {
    observe(event) {
      if (event?.type === 'published') {
        const { stage, startedAt, finishedAt } = event.manifest;
        const member = members.find(({ name }) => (pools[name] as readonly string[]).includes(queueOf[stage]));
        member?.autoscaler.stepTook((Date.parse(finishedAt) - Date.parse(startedAt)) / 1000);
      }
      if (!stopped && now() - lookedAt >= pauseMs) void look();
    },
    look,
    decisions: () => decisions,
    stop() {
      stopped = true;
      clearInterval(poll);
    },
  };
}

/** On one machine nothing pauses a pool, and the next stage's work is planned when this one's has ended. */
const always = { paused: false, downstreamFull: false } as const;
