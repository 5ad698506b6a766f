import type { Redis } from 'ioredis';
import type { Away } from '../run/away.ts';
import { jobId, queueKey, queueName, queueOf, queueStages, redisKeys } from './names.ts';
import type { PlanResult } from './payload.ts';
import { type Priority, priorityOf } from './priority.ts';
import { decodeFailure } from './retry.ts';

/** How far a wave's plan is. `missing` = Redis does not know it: never added, or wiped. `away` = what its steps wait for. */
export type WaveState =
  | { readonly state: 'missing' }
  | { readonly state: 'open'; readonly priority: Priority; readonly steps: WaveSteps; readonly away?: Away }
  | { readonly state: 'planned'; readonly result: PlanResult }
  | { readonly state: 'failed'; readonly reason: string; readonly message: string };

/** The steps of a wave that has not ended. */
export interface WaveSteps {
  readonly total: number;
  readonly done: number;
  /** Failed for good. */
  readonly failed: number;
  readonly running: number;
}

/** Which wave. */
interface WaveName {
  readonly pipeline: string;
  readonly run: string;
  readonly wave: number;
}

/** Looks at a wave: one round trip, and no BullMQ queue that would have to be kept. */
export async function lookAt(redis: Redis, namespace: string, { pipeline, run, wave }: WaveName): Promise<WaveState> {
  const id = jobId(run, wave);
  const plan = `${queueKey(namespace, queueName(pipeline, queueOf.Plan))}:${id}`;
  const asked = redis
    .pipeline()
    .hmget(plan, 'opts', 'returnvalue', 'finishedOn', 'failedReason')
    .scard(`${plan}:dependencies`)
    .hlen(`${plan}:processed`)
    .hlen(`${plan}:failed`)
    .get(redisKeys.away(namespace, run));
  for (const stage of queueStages) asked.lrange(`${queueKey(namespace, queueName(pipeline, stage))}:active`, 0, -1);
  const [job, unprocessed, processed, ignored, away, ...active] = answers(await asked.exec());
  const [opts, returned, finishedOn, why] = job as (string | null)[];
  if (opts === undefined || opts === null) return { state: 'missing' };
  if (returned) return { state: 'planned', result: JSON.parse(returned) as PlanResult };
  if (finishedOn) return { state: 'failed', ...decodeFailure(why ?? '') };
  const [left, done, failed] = [Number(unprocessed), Number(processed), Number(ignored)];
  const running = (active as string[][]).flat().filter((each) => each.startsWith(`${id}.`)).length;
  const steps = { total: left + done + failed, done, failed, running };
  return { state: 'open', priority: priorityOf(opts), steps, ...(away ? { away: away as Away } : {}) };
}

/** The answers to a pipeline; the first error is thrown. */
export function answers(replies: readonly (readonly [Error | null, unknown])[] | null): readonly unknown[] {
  return (replies ?? []).map(([error, answer]) => {
    if (error) throw error;
    return answer;
  });
}
