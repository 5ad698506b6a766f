import type { Pipeline, PipelineRun, PipelineSpec, PipelineStatus, Problem } from '../../api/index.ts';
import { type PoolName, poolNames, pools, type QueueStage } from '../../queue/names.ts';
import type { ExplainedDecision } from '../autoscaler/autoscaler.ts';

/** A pool of workers as it is. */
export interface SeenPool {
  /** Workers there are to be, as whoever runs them has been told. */
  readonly replicas: number;
  /** Workers that are there and can work. */
  readonly ready: number;
  /** What keeps workers that should be there from being ready, if something is known to. */
  readonly missing?: string;
  /** What workers that should be there wait for, if that is known. */
  readonly starting?: string;
  /** The newest decision about the pool; none before the first look, or when something else scales it. */
  readonly decision?: ExplainedDecision;
  /** Who scales the pool. */
  readonly provider: 'Internal' | 'External';
}

/** A queue as it is: steps that can begin, are under way, and failed for good. */
export interface SeenQueue {
  readonly waiting: number;
  readonly active: number;
  readonly failed: number;
}

/** All that the status of a pipeline depends on. */
export interface Seen {
  /** With its status of before. */
  readonly pipeline: Pipeline;
  /** What is wrong with its spec; none or absent when it is valid. */
  readonly problems?: readonly Problem[];
  /** The newest valid spec, which goes on working while the one in `pipeline` is not valid; absent when it is not known. */
  readonly lastValid?: PipelineSpec;
  /** What is in the way of the objects that the pipeline needs. */
  readonly conflict?: string;
  /** The pools that the pipeline uses. */
  readonly pools: Partial<Readonly<Record<PoolName, SeenPool>>>;
  /** Absent when the queues cannot be read. */
  readonly queues?: Partial<Readonly<Record<QueueStage, SeenQueue>>>;
  /** Runs of this pipeline that are known. */
  readonly runs: readonly PipelineRun[];
  /** Nobody looks after the pipeline any more: its owner has ended. */
  readonly unattended?: boolean;
  /** When the schedule starts the next run. */
  readonly nextRun?: Date;
  readonly now: Date;
}

/** The spec that the pipeline works by, if one is known. */
export const specAtWork = ({ pipeline, problems, lastValid }: Seen): PipelineSpec | undefined =>
  isValid({ problems }) ? pipeline.spec : lastValid;

/** Whether the spec in the pipeline can be worked by. */
export const isValid = ({ problems = [] }: { readonly problems?: Seen['problems'] | undefined }): boolean =>
  problems.length === 0;

/** The pools that are used, in the order of their stages. */
export const usedPools = ({ pools: seen }: Seen): readonly (readonly [PoolName, SeenPool])[] =>
  poolNames.flatMap((name) => {
    const pool = seen[name];
    return pool === undefined ? [] : [[name, pool] as const];
  });

/** The stages whose queues a pool serves. */
export const stagesOf = (pool: PoolName): readonly QueueStage[] => pools[pool];

/** What the status said before. */
export const statusBefore = ({ pipeline }: Seen): PipelineStatus => pipeline.status ?? {};
