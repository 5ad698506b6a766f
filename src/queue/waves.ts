import { FlowProducer, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { jobId, prefixOf, type QueueStage, queueName, queueOf } from './names.ts';
import { type PlanPayload, type PlanResult, payloadVersion, type QueuedStep, type StepPayload } from './payload.ts';
import { decodeFailure, maxAttempts } from './retry.ts';

/** How far a wave's plan is. `missing` = Redis does not know it: never added, or wiped. */
export type WaveState =
  | { readonly state: 'missing' | 'open' }
  | { readonly state: 'planned'; readonly result: PlanResult }
  | { readonly state: 'failed'; readonly reason: string; readonly message: string };

/** The controller's view of the queues of one namespace. */
export interface Waves {
  /** Adds a wave: its steps, and the plan that follows when all of them have ended. Adding it again adds nothing. */
  add(pipeline: string, wave: number, plan: PlanPayload, steps: readonly QueuedStep[]): Promise<void>;
  look(pipeline: string, run: string, wave: number): Promise<WaveState>;
  /** Removes what a run left in the queues; steps that are under way end, and no plan follows them. */
  forget(pipeline: string, run: string, waves: number): Promise<void>;
  close(): Promise<void>;
}

/** Ended jobs are kept this long (seconds) and this many, for people who look; the lake is what counts. */
const kept = { age: 24 * 3600, count: 1000 };

/** The shared connection reports its own errors. */
const ignore = (): void => undefined;

export function openWaves(redis: Redis, namespace: string): Waves {
  const prefix = prefixOf(namespace);
  const flows = new FlowProducer({ connection: redis, prefix });
  const queues = new Map<string, Queue>();
  flows.on('error', ignore);
  const queue = (pipeline: string, stage: QueueStage): Queue => {
    const name = queueName(pipeline, stage);
    const known = queues.get(name);
    if (known) return known;
    const opened = new Queue(name, { connection: redis, prefix }).on('error', ignore);
    queues.set(name, opened);
    return opened;
  };

  return {
    async add(pipeline, wave, plan, steps) {
      // BullMQ would make the plan wait once more, and for ever, for a step that has failed meanwhile.
      if (await queue(pipeline, queueOf.Plan).getJob(jobId(plan.run.name, wave))) return;
      await flows.add({
        name: 'plan',
        queueName: queueName(pipeline, queueOf.Plan),
        data: plan,
        opts: { jobId: jobId(plan.run.name, wave), ...attempts },
        children: steps.map((step) => stepJob(pipeline, wave, plan, step)),
      });
    },

    async look(pipeline, run, wave) {
      const job = await queue(pipeline, queueOf.Plan).getJob(jobId(run, wave));
      if (!job) return { state: 'missing' };
      if (job.returnvalue) return { state: 'planned', result: job.returnvalue as PlanResult };
      if (job.finishedOn !== undefined) return { state: 'failed', ...decodeFailure(job.failedReason ?? '') };
      return { state: 'open' };
    },

    async forget(pipeline, run, waves) {
      const plans = queue(pipeline, queueOf.Plan);
      for (let wave = 0; wave <= waves; wave += 1) await removeWave(plans, jobId(run, wave));
    },

    async close() {
      await Promise.all([flows.close(), ...[...queues.values()].map((each) => each.close())]);
    },
  };
}

const attempts = {
  attempts: maxAttempts,
  backoff: { type: 'jitter' },
  removeOnComplete: kept,
  removeOnFail: kept,
};

/** BullMQ removes nothing of a flow while one of its jobs is under way; then the rest of it is taken away around that. */
async function removeWave(plans: Queue, id: string): Promise<void> {
  if ((await plans.remove(id, { removeChildren: true })) === 1) return;
  await (await plans.getJob(id))?.removeUnprocessedChildren();
  await plans.remove(id, { removeChildren: false });
}

function stepJob(pipeline: string, wave: number, plan: PlanPayload, step: QueuedStep) {
  const { name: run, asOf } = plan.run;
  const data: StepPayload = { v: payloadVersion, run, asOf, notAfter: plan.notAfter, ...step };
  return {
    name: step.step.stage,
    queueName: queueName(pipeline, queueOf[step.step.stage]),
    data,
    opts: {
      jobId: jobId(run, wave, step.step.key),
      ...attempts,
      // A step that failed for good does not hold back the plan, which decides what goes on without it.
      ignoreDependencyOnFailure: true,
    },
  };
}
