import { UnrecoverableError } from 'bullmq';
import type { QueueStage } from '../queue/names.ts';
import type { Instruments } from './registry.ts';

/** Measures the jobs of one worker. */
export interface StepMeter {
  /** Does a job and counts how it ended. */
  during<Result>(pipeline: string, stage: QueueStage, work: () => Promise<Result>): Promise<Result>;
  /** A job goes back to its queue because of an error. */
  goesBack(pipeline: string, stage: QueueStage, because: 'transient' | 'throttled'): void;
  /** Asks for a lease and times the answer. */
  asking<Answer>(ask: () => Promise<Answer>): Promise<Answer>;
}

export function stepMeter(instruments: Instruments, namespace: string, pool: string): StepMeter {
  let underWay = 0;
  instruments.collect((set) => set('worker_busy', { namespace, pool }, underWay));
  const ended = (pipeline: string, stage: QueueStage, result: string): void =>
    instruments.add('worker_steps_total', { namespace, pipeline, stage, result }, 1);
  return {
    async during(pipeline, stage, work) {
      underWay += 1;
      try {
        const result = await work();
        ended(pipeline, stage, result === 'alreadyPublished' ? 'alreadyPublished' : 'published');
        return result;
      } catch (error) {
        ended(pipeline, stage, error instanceof UnrecoverableError ? 'failed' : 'returned');
        throw error;
      } finally {
        underWay -= 1;
      }
    },
    goesBack: (pipeline, stage, because) =>
      instruments.add('retries_total', { namespace, pipeline, stage, class: because }, 1),
    async asking(ask) {
      const began = performance.now();
      try {
        return await ask();
      } finally {
        instruments.observe('lease_wait_seconds', { namespace }, (performance.now() - began) / 1000);
      }
    },
  };
}
