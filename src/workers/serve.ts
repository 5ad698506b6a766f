import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import { openStore } from '../connectors/stores/open.ts';
import { prefixed } from '../connectors/stores/prefixed.ts';
import type { Lake } from '../lake/lake.ts';
import { ownConnection } from '../queue/connection.ts';
import { isLeft } from '../queue/left.ts';
import { pools, prefixOf, type QueueStage, queueKey, queueName, redisKeys } from '../queue/names.ts';
import { type PlanPayload, type PlanResult, payloadVersion, type StepPayload } from '../queue/payload.ts';
import { backoff, decodeFailure, encodeFailure, failureOf, maxAttempts } from '../queue/retry.ts';
import { type Away, awayOf } from '../run/away.ts';
import { retryClass, TerminalError, ThrottledError, TransientError } from '../run/errors.ts';
import type { Failure } from '../run/types.ts';
import type { ConnectedConfig } from './config.ts';
import { runStep, type Served, tellQuietly, type Workplace } from './step.ts';

/** A job whose worker died comes back this often before it counts as failed. */
const maxStalledCount = 20;

export interface Server {
  /**
   * Takes no new jobs and lets running steps end. After the grace time, if there is one, it aborts them, so that their
   * jobs go back. May be called again to set a grace time.
   */
  close(graceMs?: number): Promise<void>;
  /** Whether it takes jobs from all of its queues. */
  isRunning(): boolean;
}

/** A queue of a pipeline that is served. */
interface ServedQueue extends Served {
  readonly pipeline: string;
  readonly queue: QueueStage;
}

/** Works on a pipeline's queues of this worker's pool until closed. */
export function serve(place: Workplace, config: ConnectedConfig, pipeline: string, filesRoot: string): Server {
  const name = `${place.namespace}/${pipeline}`;
  const store = openStore(config.lake, config.scratch);
  const lake: Lake = { store: prefixed(store, name), pipeline: name };
  const shared = prefixed(store, place.namespace);
  const stopping = new AbortController();
  const workers = pools[config.pool].map((stage) => {
    const served = { lake, shared, filesRoot, pipeline, queue: stage };
    const handle = (job: Job, token = '') =>
      place.busy.during(() =>
        place.meter.during(pipeline, stage, () => work(place, served, job, token, stopping.signal)),
      );
    const worker = new Worker(queueName(pipeline, stage), handle, {
      connection: ownConnection(config.redis),
      prefix: prefixOf(place.namespace),
      concurrency: config.concurrency,
      lockDuration: 10_000,
      stalledInterval: 5_000,
      maxStalledCount,
      // A call that went to a worker which hangs or dies does not reach the others: they look again after this many seconds.
      drainDelay: 5,
      settings: { backoffStrategy: backoff },
    });
    worker.on('error', (error) => place.log.debug(`queue: ${error.message}`));
    worker.on('completed', (job) => {
      if (job.name === 'plan') tellQuietly(place, { type: 'planned', run: job.data.run.name });
    });
    worker.on('failed', (job) => {
      if (job?.name === 'plan') tellQuietly(place, { type: 'planned', run: job.data.run.name });
    });
    return worker;
  });
  return {
    close: (graceMs) => drain(workers, stopping, graceMs),
    isRunning: () => workers.every((worker) => worker.isRunning()),
  };
}

async function drain(workers: readonly Worker[], stopping: AbortController, graceMs?: number): Promise<void> {
  const stop = () => stopping.abort(new Error('the worker is stopping'));
  const grace = graceMs === undefined ? undefined : setTimeout(stop, graceMs);
  await Promise.all(workers.map((worker) => worker.close()));
  clearTimeout(grace);
}

async function work(
  place: Workplace,
  served: ServedQueue,
  job: Job,
  token: string,
  stop: AbortSignal,
): Promise<unknown> {
  if (job.data.v !== payloadVersion) return putBack(job, token, 30_000);
  if (job.attemptsStarted > 1 && (await isForgotten(place, served, job))) return 'forgotten';
  try {
    if (job.name === 'plan') return await planJob(place, served, job);
    const outcome = await runStep(place, served, job.data as StepPayload, stop);
    return outcome === 'busy' ? await putBack(job, token, 1_000) : outcome;
  } catch (error) {
    if (error instanceof DelayedError) throw error;
    if (await isForgotten(place, served, job)) return 'forgotten';
    return await giveBack(place, served, job, token, error, stop);
  }
}

/** Its run was cancelled, paused or deleted while the step was under way: it ends, and is not done again. */
const isForgotten = ({ redis, namespace }: Workplace, { pipeline, queue }: ServedQueue, job: Job): Promise<boolean> =>
  isLeft(redis, namespace, runOf(job), `${queueKey(namespace, queueName(pipeline, queue))}:${job.id}`);

async function planJob(place: Workplace, served: Served, job: Job): Promise<PlanResult> {
  if (!place.plan) throw new TerminalError('WrongPool', 'a plan came to a worker that does not plan');
  return place.plan(served.lake, job.data as PlanPayload, await childFailures(place, job), place);
}

/** Puts a job back for a while; that spends no attempt. */
async function putBack(job: Job, token: string, ms: number): Promise<never> {
  await job.moveToDelayed(Date.now() + ms, token);
  throw new DelayedError();
}

/**
 * A lake or a warehouse that is away is away for all steps, and none of them can do anything about it: they wait for it,
 * for so long and so often, before they spend attempts. That outlasts a server that is away for two minutes at least.
 */
const serverAwayMs = 10_000;
const startsWithoutServer = 13;

/** Long enough for the next step to tell it again. */
const awayForMs = serverAwayMs + 5_000;

const awayNow = (error: unknown): Away | undefined =>
  error instanceof TransientError ? awayOf(error.reason) : undefined;

/** By its class a failed job waits (throttled, stopped, no server), is tried again (transient) or ends (terminal, out of attempts or time). */
async function giveBack(
  place: Workplace,
  { pipeline, queue }: ServedQueue,
  job: Job,
  token: string,
  error: unknown,
  stop: AbortSignal,
): Promise<never> {
  const overdue = Date.now() > Date.parse(job.data.notAfter ?? '9999-12-31');
  if (stop.aborted) return putBack(job, token, 0);
  const failure = failureOf(job, error, place.redact);
  const { run, dataset, stage, message } = { run: runOf(job), ...failure };
  if (error instanceof ThrottledError && !overdue) {
    const wait = `${message}; waiting for ${Math.ceil(error.retryAfterMs / 1000)} s`;
    tellQuietly(place, { type: 'retrying', run, dataset, stage, message: wait });
    place.meter.goesBack(pipeline, queue, 'throttled');
    return putBack(job, token, error.retryAfterMs);
  }
  const away = awayNow(error);
  if (away !== undefined && job.attemptsStarted < startsWithoutServer && !overdue) {
    await place.redis.set(redisKeys.away(place.namespace, run), away, 'PX', awayForMs).catch(() => undefined);
    tellQuietly(place, { type: 'retrying', run, dataset, stage, reason: failure.reason, message });
    place.meter.goesBack(pipeline, queue, 'transient');
    return putBack(job, token, serverAwayMs);
  }
  if (retryClass(error) === 'terminal' || overdue || job.attemptsMade + 1 >= maxAttempts) {
    tellQuietly(place, { type: 'failed', run, dataset, stage, message });
    throw new UnrecoverableError(encodeFailure(failure));
  }
  place.log.warn(`${stage} of ${dataset} will be tried again: ${message}`);
  tellQuietly(place, { type: 'retrying', run, dataset, stage, message });
  place.meter.goesBack(pipeline, queue, 'transient');
  throw new Error(encodeFailure(failure));
}

const runOf = (job: Job): string => (job.name === 'plan' ? job.data.run.name : job.data.run);

/** The steps of the wave before this plan that failed for good. */
async function childFailures(place: Workplace, job: Job): Promise<Failure[]> {
  const failed = Object.entries(await job.getIgnoredChildrenFailures());
  return Promise.all(
    failed.map(async ([child, reason]) => {
      const data = JSON.parse((await place.redis.hget(child, 'data')) ?? '{}') as Partial<StepPayload>;
      return decodeFailure(reason, data.step);
    }),
  );
}
