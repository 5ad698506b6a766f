import type { Redis } from 'ioredis';
import { type QueueStage, queueKey, queueName } from '../../src/queue/names.ts';

/** What BullMQ told of one job of a queue. */
export interface JobEvent {
  /** By the clock of Redis, in milliseconds. */
  readonly at: number;
  readonly event: string;
  readonly job: string;
  /** Where the job was before, if that is told. */
  readonly from?: string;
}

/** All that happens in a queue from now on, in pieces. BullMQ keeps the last 10,000 or so: ask often enough. */
export function followQueue(redis: Redis, namespace: string, pipeline: string, stage: QueueStage) {
  const stream = `${queueKey(namespace, queueName(pipeline, stage))}:events`;
  let last = '0';
  return async (): Promise<readonly JobEvent[]> => {
    const entries = await redis.xrange(stream, last === '0' ? '-' : `(${last}`, '+');
    last = entries.at(-1)?.[0] ?? last;
    return entries.map(([id, fields]) => {
      const told = Object.fromEntries(fields.flatMap((field, at) => (at % 2 ? [] : [[field, fields[at + 1] ?? '']])));
      const { event = '', jobId: job = '', prev } = told;
      return { at: Number(id.split('-')[0]), event, job, ...(prev === undefined ? {} : { from: prev }) };
    });
  };
}

/** Going back, or ending badly. */
const setbacks: readonly string[] = ['stalled', 'failed', 'delayed', 'retries-exhausted'];

/** How many jobs workers took, and what happened to jobs other than to be taken once and completed. */
export function interruptions(events: readonly JobEvent[]): {
  readonly taken: number;
  readonly found: readonly JobEvent[];
} {
  const taken = new Set<string>();
  const found = events.filter(({ event, job, from }) => {
    const isAgain = event === 'active' && taken.has(job);
    if (event === 'active') taken.add(job);
    return isAgain || setbacks.includes(event) || (event !== 'completed' && from === 'active');
  });
  return { taken: taken.size, found };
}
