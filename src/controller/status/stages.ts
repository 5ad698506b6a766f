import type { PipelineStatus } from '../../api/index.ts';
import { type QueueStage, queueName } from '../../queue/names.ts';
import type { ExplainedDecision } from '../autoscaler/autoscaler.ts';
import { type Seen, type SeenPool, stagesOf, usedPools } from './seen.ts';

type Stage = NonNullable<PipelineStatus['stages']>[number];

/** The queues that are used, each with the workers that serve it. */
export const stagesOfPipeline = (seen: Seen): readonly Stage[] =>
  usedPools(seen).flatMap(([name, pool]) => stagesOf(name).map((stage) => stageOf(seen, stage, pool)));

function stageOf({ pipeline, queues, unattended = false }: Seen, name: QueueStage, pool: SeenPool): Stage {
  return {
    ...{ name, queue: queueName(pipeline.metadata.name, name) },
    ...(queues && { waiting: 0, active: 0, failed: 0, ...queues[name] }),
    ...{ replicas: pool.ready, desired: desiredOf(pool), scaling: scalingOf(pool, unattended) },
  };
}

/** Workers there should be. */
export const desiredOf = ({ provider, replicas, decision }: SeenPool): number =>
  provider === 'External' ? replicas : (decision?.replicas ?? replicas);

function scalingOf({ provider, decision }: SeenPool, unattended: boolean): NonNullable<Stage['scaling']> {
  if (unattended) return { reason: 'Unattended', limits: [] };
  if (provider === 'External') return { reason: 'External', limits: [] };
  if (!decision) return { reason: 'Undecided', limits: [] };
  const { reason, limits, want, facts } = decision;
  return { reason, limits: [...limits], want, ...(facts && figuresOf(facts)) };
}

/** A moving average has no last digit; three show all that a person can use. */
const figuresOf = ({ stepSeconds, ...facts }: NonNullable<ExplainedDecision['facts']>) => ({
  ...facts,
  ...(stepSeconds === undefined ? {} : { stepSeconds: Number(stepSeconds.toPrecision(3)) }),
});

/** Steps that wait or are under way, if the queues can be read. */
export const backlogOf = (seen: Seen): number | undefined =>
  seen.queues && stagesOfPipeline(seen).reduce((total, { waiting = 0, active = 0 }) => total + waiting + active, 0);
