import type { PipelineLoad } from '../../queue/load.ts';
import type { QueueStage } from '../../queue/names.ts';
import type { SeenQueue } from './seen.ts';

/** The queues of a pipeline as its status tells them: what can begin now counts as waiting. */
export const seenQueues = (load: PipelineLoad): Readonly<Partial<Record<QueueStage, SeenQueue>>> =>
  Object.fromEntries(
    Object.entries(load).map(([stage, { waiting, prioritized, due, active, failed }]) => [
      stage,
      { waiting: waiting + prioritized + due, active, failed },
    ]),
  );
