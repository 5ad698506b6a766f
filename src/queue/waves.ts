import { FlowProducer, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Fence, openFence } from './epoch.ts';
import { leave, settle } from './left.ts';
import { jobId, prefixOf, queueKey, queueName, queueOf } from './names.ts';
import { type PlanPayload, payloadVersion, type QueuedStep, type StepPayload } from './payload.ts';
import { orderOf, type Priority } from './priority.ts';
import { maxAttempts } from './retry.ts';
import { lookAt, type WaveState } from './wave.ts';

export type { WaveState };

/** The controller's view of the queues of one namespace. */
export interface Waves {
  /** Adds a wave: its steps, and the plan that follows when all of them have ended. Adding it again adds nothing. */
  add(
    pipeline: string,
    wave: number,
    plan: PlanPayload,
    steps: readonly QueuedStep[],
    priority?: Priority,
  ): Promise<void>;
  look(pipeline: string, run: string, wave: number): Promise<WaveState>;
  /**
   * Removes what a run left in the queues: all up to its last known wave and the one after it, which was added if a
   * crash kept its number from being written down. Steps that are under way end, and no plan follows them; returns how
   * many those are.
   */
  forget(pipeline: string, run: string, lastWave: number): Promise<number>;
  /** Steps of a run that are still under way after it was forgotten; one that waits to be tried again is removed. */
  underWay(run: string): Promise<number>;
  close(): Promise<void>;
}

/** Ended jobs are kept this long (seconds) and this many, for people who look; the lake is what counts. */
const kept = { age: 24 * 3600, count: 1000 };

/** The shared connection reports its own errors. */
const ignore = (): void => undefined;

/** With an epoch, adding is refused (`StaleLeader`) from the moment at which a later controller has claimed a greater one. */
export function openWaves(redis: Redis, namespace: string, epoch?: () => number): Waves {
  const prefix = prefixOf(namespace);
  const fence = epoch ? openFence(redis, namespace, epoch) : openGate(redis, prefix);
  /** Pipelines are many and removing is rare: a queue is opened for the time of its use. */
  const withQueue = async <Result>(name: string, work: (queue: Queue) => Promise<Result>): Promise<Result> => {
    const queue = new Queue(name, { connection: redis, prefix }).on('error', ignore);
    try {
      return await work(queue);
    } finally {
      await queue.close();
    }
  };
  const underWay = async (run: string): Promise<number> => {
    const left = await settle(redis, namespace, run);
    for (const key of left.waiting) {
      const [queue = '', job = ''] = key.slice(prefix.length + 1).split(':', 2);
      await withQueue(queue, (each) => each.remove(job));
    }
    return left.underWay;
  };

  return {
    async add(pipeline, wave, plan, steps, priority = 'Normal') {
      const id = jobId(plan.run.name, wave);
      const plans = queueName(pipeline, queueOf.Plan);
      await fence.add(async (flows) => {
        // BullMQ would make the plan wait once more, and for ever, for a step that has failed meanwhile.
        if (await redis.exists(`${queueKey(namespace, plans)}:${id}`)) return;
        await flows.add({
          name: 'plan',
          queueName: plans,
          data: plan,
          opts: { jobId: id, ...attempts, ...orderOf(priority) },
          children: steps.map((step) => stepJob(pipeline, wave, plan, step, priority)),
        });
      });
    },

    look: (pipeline, run, wave) => lookAt(redis, namespace, { pipeline, run, wave }),

    async forget(pipeline, run, lastWave) {
      await fence.check();
      await withQueue(queueName(pipeline, queueOf.Plan), async (plans) => {
        for (let wave = 0; wave <= lastWave + 1; wave += 1) {
          await removeWave(plans, jobId(run, wave), (jobs) => leave(redis, namespace, run, jobs));
        }
      });
      return underWay(run);
    },

    underWay,
    close: () => fence.close(),
  };
}

/** Lets everything through: on one machine, a lock holds off a second controller. */
function openGate(redis: Redis, prefix: string): Fence {
  const flows = new FlowProducer({ connection: redis, prefix });
  flows.on('error', ignore);
  return { add: (work) => work(flows), check: async () => undefined, close: () => flows.close() };
}

const attempts = {
  attempts: maxAttempts,
  backoff: { type: 'jitter' },
  removeOnComplete: kept,
  removeOnFail: kept,
};

/** BullMQ removes nothing of a flow while one of its jobs is under way; then the rest of it is taken away around that. */
async function removeWave(
  plans: Queue,
  id: string,
  leaveJobs: (jobs: readonly string[]) => Promise<void>,
): Promise<void> {
  if ((await plans.remove(id, { removeChildren: true })) === 1) return;
  const plan = await plans.getJob(id);
  await plan?.removeUnprocessedChildren();
  const { unprocessed = [] } = (await plan?.getDependencies({ unprocessed: { count: mostUnderWay } })) ?? {};
  await leaveJobs(unprocessed);
  await plans.remove(id, { removeChildren: false });
}

/** More workers than this have no steps of one wave under way. */
const mostUnderWay = 10_000;

function stepJob(pipeline: string, wave: number, plan: PlanPayload, step: QueuedStep, priority: Priority) {
  const { name: run, asOf } = plan.run;
  const data: StepPayload = { v: payloadVersion, run, asOf, notAfter: plan.notAfter, ...step };
  return {
    name: step.step.stage,
    queueName: queueName(pipeline, queueOf[step.step.stage]),
    data,
    opts: {
      jobId: jobId(run, wave, step.step.key),
      ...attempts,
      ...orderOf(priority),
      // A step that failed for good does not hold back the plan, which decides what goes on without it.
      ignoreDependencyOnFailure: true,
    },
  };
}
