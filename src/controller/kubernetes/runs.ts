import { setTimeout as sleep } from 'node:timers/promises';
import type { Condition } from '../../api/index.ts';
import { TransientError } from '../../run/errors.ts';
import { isSettled, lookAgainMs, reconcileRun } from '../runs.ts';
import type { World } from '../world.ts';
import type { Informer, KubeApi, OwnerReference } from './api.ts';
import { resourceTypes } from './client.ts';
import { forceDeleteAnnotation, pipelineLabel, runFinalizer } from './names.ts';
import { partsOf, type StoredPipeline, type StoredRun } from './stored.ts';

/** A deleted run waits this long for Redis, so that nothing of it stays in the queues; then it goes all the same. */
export const releaseDeadlineMs = 5 * 60_000;

export interface RunReconcilerOptions {
  readonly api: KubeApi;
  readonly pipelines: Informer<StoredPipeline>;
  readonly runs: Informer<StoredRun>;
  readonly world: (namespace: string) => World;
  readonly lookAgainAfter: (key: string, ms: number) => void;
  /** Whether Redis takes commands now. */
  readonly redisReady: () => boolean;
  /** Redis is as good as away when it does not answer for so long. Default: 30 s. */
  readonly patienceMs?: number;
  readonly now: () => Date;
}

/**
 * Moves one run on as far as it can go, around the reconciler that both worlds share: an unfinished run is owned by its
 * Pipeline and has a finalizer, so that its jobs leave the queues before it goes.
 */
export function openRunReconciler(options: RunReconcilerOptions): (key: string) => Promise<void> {
  const { runs, world, redisReady } = options;
  return async (key) => {
    const { namespace, name } = partsOf(key);
    const run = runs.get({ namespace, name });
    if (!run) return;
    if (run.metadata.deletionTimestamp !== undefined) return release(options, run);
    if (isSettled(run)) return release(options, run);
    if (!redisReady()) throw new TransientError('Redis is away');
    const pipeline = options.pipelines.get({ namespace, name: run.spec.pipelineRef.name });
    if (pipeline) await protect(options, run, pipeline);
    const isHeld =
      pipeline && run.spec.state !== 'Cancel' && !(await world(namespace).pipeline(pipeline.metadata.name));
    if (isHeld) return waitForValid(options, run);
    await inTime(reconcileRun(world(namespace), name), options);
    const pause = lookAgainMs(runs.get({ namespace, name }) ?? run);
    if (pause !== undefined) options.lookAgainAfter(key, pause);
  };
}

const defaultPatienceMs = 30_000;

/** Commands wait for a Redis that goes away; whoever waits for them is to look again, for a run may be let go meanwhile. */
async function inTime<Result>(
  work: Promise<Result>,
  { patienceMs = defaultPatienceMs }: Pick<RunReconcilerOptions, 'patienceMs'>,
): Promise<Result> {
  const done = new AbortController();
  const late = sleep(patienceMs, undefined, { signal: done.signal }).then(() => {
    throw new TransientError(`Redis did not answer within ${patienceMs / 1000} s`);
  });
  late.catch(() => undefined);
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => done.abort());
}

/** What is under way goes on; what is next begins when the Pipeline is valid again, which is heard of. */
async function waitForValid(
  { world, now }: RunReconcilerOptions,
  { metadata, spec, status }: StoredRun,
): Promise<void> {
  if (status?.phase !== undefined) return;
  const condition: Condition = {
    ...{ type: 'Succeeded', status: 'Unknown', reason: 'SpecRefused' },
    message: `waits until Pipeline ${spec.pipelineRef.name} is valid; see its condition Valid`,
    observedGeneration: metadata.generation ?? 1,
    lastTransitionTime: now().toISOString(),
  };
  await world(metadata.namespace ?? '').writeRunStatus(metadata.name, { phase: 'Pending', conditions: [condition] });
}

/** Takes a run that has ended or is being deleted out of the queues, where a crash may have left it, then lets it go. */
async function release(options: RunReconcilerOptions, run: StoredRun): Promise<void> {
  const { metadata, spec, status } = run;
  if (!metadata.finalizers?.includes(runFinalizer)) return;
  const waited = options.now().getTime() - Date.parse(metadata.deletionTimestamp ?? '');
  const isForced = metadata.annotations?.[forceDeleteAnnotation] === 'true' || waited > releaseDeadlineMs;
  const leaveQueues = async (): Promise<void> => {
    if (!options.redisReady())
      throw new TransientError(`Redis is away; run ${metadata.name} is let go when its jobs are`);
    const { waves } = options.world(metadata.namespace ?? '');
    await inTime(waves.forget(spec.pipelineRef.name, metadata.name, status?.wave ?? 0), options);
  };
  await leaveQueues().catch((error: unknown) => {
    if (!isForced) throw error;
  });
  await unprotect(options, run);
}

const protect = async (
  { api, runs }: RunReconcilerOptions,
  { metadata, spec }: StoredRun,
  pipeline: StoredPipeline,
): Promise<void> => {
  const { finalizers = [], ownerReferences = [], labels = {} } = metadata;
  const isOwned = ownerReferences.some(({ uid }) => uid === pipeline.metadata.uid);
  if (finalizers.includes(runFinalizer) && isOwned && labels[pipelineLabel] === spec.pipelineRef.name) return;
  const patch = {
    metadata: {
      resourceVersion: metadata.resourceVersion,
      labels: { [pipelineLabel]: spec.pipelineRef.name },
      finalizers: [...finalizers.filter((each) => each !== runFinalizer), runFinalizer],
      ownerReferences: [
        ...ownerReferences.filter(({ kind, uid }) => kind !== pipeline.kind || uid === pipeline.metadata.uid),
        ...(isOwned ? [] : [ownerOf(pipeline)]),
      ],
    },
  };
  runs.remember(await api.patch(resourceTypes.pipelineRuns, keyOfRun(metadata), patch));
};

async function unprotect({ api, runs }: RunReconcilerOptions, { metadata }: StoredRun): Promise<void> {
  const { finalizers = [], resourceVersion, deletionTimestamp } = metadata;
  if (!finalizers.includes(runFinalizer)) return;
  const rest = finalizers.filter((each) => each !== runFinalizer);
  const patch = { metadata: { resourceVersion, finalizers: rest } };
  const stored = await api.patch(resourceTypes.pipelineRuns, keyOfRun(metadata), patch);
  if (deletionTimestamp === undefined) runs.remember(stored); // else it is gone with its last finalizer
}

const keyOfRun = ({ namespace = '', name }: StoredRun['metadata']) => ({ namespace, name });

/** The reference by which a run goes with its Pipeline. */
export const ownerOf = ({ apiVersion, kind, metadata }: StoredPipeline): OwnerReference => ({
  ...{ apiVersion, kind, name: metadata.name, uid: metadata.uid ?? '' },
  blockOwnerDeletion: false,
});
