import type { PipelineSpec } from '../../api/index.ts';
import type { PoolName } from '../../queue/names.ts';
import { seenQueues } from '../status/queues.ts';
import type { Seen, SeenPool } from '../status/seen.ts';
import type { WantedRuns } from '../wantedRuns.ts';
import type { Workload } from './pipelines.ts';
import type { Scaling } from './scaling.ts';
import type { StoredPipeline, StoredRun } from './stored.ts';

/** What was found about a Pipeline, each by the one who looks after it. */
export interface Found {
  readonly pipeline: StoredPipeline;
  readonly lastValid: PipelineSpec | undefined;
  readonly workload: Workload;
  readonly runs: readonly StoredRun[];
  readonly wanted: WantedRuns;
  /** Absent while the Pipeline is at rest: nothing in its queues, no workers. */
  readonly scaling: Scaling | undefined;
  readonly now: Date;
}

/** The same, in the terms of a Pipeline's status. */
export function look(found: Found): Seen & { readonly pipeline: StoredPipeline } {
  const { pipeline, lastValid, workload, runs, wanted, scaling, now } = found;
  const conflict = workload.conflict ?? workload.refused;
  return {
    ...{ pipeline, runs, now, pools: poolsOf(found) },
    ...(workload.problems && { problems: workload.problems }),
    ...(lastValid && { lastValid }),
    ...(conflict !== undefined && { conflict }),
    ...(wanted.nextRun && { nextRun: wanted.nextRun }),
    ...queuesOf(scaling),
  };
}

/** Whoever is at rest has empty queues; while they cannot be read, nothing is said of them. */
function queuesOf(scaling: Scaling | undefined): Pick<Seen, 'queues'> {
  if (!scaling) return { queues: {} };
  return scaling.queues ? { queues: seenQueues(scaling.queues) } : {};
}

function poolsOf({ pipeline, workload, scaling }: Found): Readonly<Partial<Record<PoolName, SeenPool>>> {
  return Object.fromEntries(
    workload.pools.map(({ pool, replicas, ready, missing, starting }) => {
      const provider = pipeline.spec.workers?.[pool]?.provider ?? 'Internal';
      const decision = provider === 'Internal' ? (scaling?.decisions.get(pool) ?? atRest(replicas)) : undefined;
      const seen: SeenPool = {
        ...{ replicas, ready, provider },
        ...(missing !== undefined && { missing }),
        ...(starting !== undefined && { starting }),
        ...(decision && { decision }),
      };
      return [pool, seen];
    }),
  );
}

/** A Pipeline is at rest when there is no load and no worker, or as few as there are to be at the least. */
const atRest = (replicas: number) => ({ replicas, reason: 'NoLoad', limits: [], want: 0 }) as const;
