import type { Pipeline, PipelineSpec } from '../../api/index.ts';
import { eventsOfPipeline } from '../../observability/eventsOf.ts';
import { afterCycle } from '../after.ts';
import { runsToDelete } from '../history.ts';
import { deriveStatus, statusChangesAt } from '../status/derive.ts';
import type { Seen } from '../status/seen.ts';
import { settle } from '../status/settle.ts';
import { type Moment, noRuns, wantedRuns } from '../wantedRuns.ts';
import type { EventRecorder, Informer, KubeApi, ObjectKey } from './api.ts';
import { resourceTypes } from './client.ts';
import type { Installation } from './installation.ts';
import { fieldManager } from './names.ts';
import type { Workload } from './pipelines.ts';
import type { Scaling } from './scaling.ts';
import { cancelRun, createRun } from './schedule.ts';
import { look } from './see.ts';
import { partsOf, type StoredPipeline, type StoredRun } from './stored.ts';

export interface PipelineReconcilerOptions {
  readonly api: KubeApi;
  readonly pipelines: Informer<StoredPipeline>;
  /** Runs of a Pipeline. */
  readonly runsOf: (pipeline: ObjectKey) => readonly StoredRun[];
  /** Brings what a Pipeline becomes to what it should be, and tells how it is. */
  readonly workload: (pipeline: StoredPipeline) => Promise<Workload>;
  /** What the scaler saw last. */
  readonly scaling: (pipeline: StoredPipeline) => Scaling | undefined;
  readonly installation: Installation;
  readonly events: EventRecorder;
  /** Looks at a key again when the time has come. */
  readonly lookAgainAt: (key: string, at: Date) => void;
  readonly moment: (pipeline: StoredPipeline) => Moment;
}

/** What is remembered of a Pipeline between two looks; all of it may be lost at any time. */
interface Memory {
  lastValid?: PipelineSpec;
  wroteAt?: Date;
}

/**
 * Brings one Pipeline to what its manifest wants: checks it, keeps its pools, schedules its runs, cleans up its history
 * and says how it is. Looks at what is, so once too often changes nothing: a second look writes nothing.
 */
export function openPipelineReconciler(options: PipelineReconcilerOptions): (key: string) => Promise<void> {
  const memories = new Map<string, Memory>();
  return async (key) => {
    const stored = options.pipelines.get(partsOf(key));
    if (!stored || stored.metadata.deletionTimestamp !== undefined) {
      memories.delete(key); // what it owns goes by garbage collection, its data stays
      return;
    }
    const memory = memories.get(key) ?? {};
    memories.set(key, memory);
    await reconcile(options, key, stored, memory);
  };
}

async function reconcile(
  options: PipelineReconcilerOptions,
  key: string,
  stored: StoredPipeline,
  memory: Memory,
): Promise<void> {
  const moment = options.moment(stored);
  const { now } = moment;
  const workload = await workloadOf(options, stored);
  const valid = workload.problems ? undefined : stored; // the defaults of this version are in the cache
  if (valid) memory.lastValid = valid.spec;
  const runs = siblingRuns(options, stored)(stored.metadata.name);
  const wanted = valid ? wantedRuns(valid, siblingRuns(options, stored), moment) : noRuns;
  const scaling = options.scaling(stored);
  const seen = look({ pipeline: stored, lastValid: memory.lastValid, workload, runs, wanted, scaling, now });
  // Since when a schedule is on must be known before its first tick, also to whoever comes after a crash.
  await writeStatus(options, key, seen, memory);
  for (const name of wanted.cancel) await cancelRun(options.api, stored, name);
  for (const run of wanted.create) await createRun(options.api, stored, run);
  if (valid) await cleanUp(options, valid, runs, now);
  for (const at of [wanted.lookAt, statusChangesAt(seen), retryAt(workload, now)]) if (at) options.lookAgainAt(key, at);
}

const retryMs = 15_000;

/** What is in the way may be somebody else's, of which the caches know nothing: nobody tells when it is gone. */
const retryAt = ({ conflict, refused }: Workload, now: Date): Date | undefined =>
  conflict === undefined && refused === undefined ? undefined : new Date(now.getTime() + retryMs);

/** Runs of the Pipelines beside one. */
const siblingRuns =
  ({ runsOf }: PipelineReconcilerOptions, { metadata }: StoredPipeline) =>
  (name: string) =>
    runsOf({ namespace: metadata.namespace ?? '', name });

/** Brings the workload about, unless the Pipeline waits, over others, for itself: then what runs goes on as it is. */
async function workloadOf(options: PipelineReconcilerOptions, stored: StoredPipeline): Promise<Workload> {
  const workload = await options.workload(stored);
  if (workload.problems || (stored.spec.after ?? []).length === 0) return workload;
  const cycle = afterCycle(stored.metadata.name, options.pipelines.list(stored.metadata.namespace));
  return cycle ? { ...workload, problems: [cycle] } : workload;
}

/** Writes the status, unless nothing changed or only numbers that may wait; tells what happened. */
async function writeStatus(
  { api, pipelines, events, lookAgainAt }: PipelineReconcilerOptions,
  key: string,
  seen: Seen & { readonly pipeline: StoredPipeline },
  memory: Memory,
): Promise<void> {
  const { apiVersion, kind, metadata, status: before } = seen.pipeline;
  const status = deriveStatus(seen);
  const settled = settle(before, status, { wroteAt: memory.wroteAt, now: seen.now });
  if (settled.lookAgainAt) lookAgainAt(key, settled.lookAgainAt);
  if (!settled.write) return;
  const { name, namespace, resourceVersion } = metadata;
  const applied = { apiVersion, kind, metadata: { name, namespace, resourceVersion }, status };
  const options = { fieldManager, force: true, subresource: 'status' } as const;
  const stored = await api.apply(resourceTypes.pipelines, applied as StoredPipeline, options);
  pipelines.remember(stored);
  memory.wroteAt = seen.now;
  for (const event of eventsOfPipeline(seen.pipeline, stored)) events.event(stored, event);
}

/** Deletes the runs that nobody has to see any more. */
async function cleanUp(
  { api }: PipelineReconcilerOptions,
  pipeline: Pipeline,
  runs: readonly StoredRun[],
  now: Date,
): Promise<void> {
  const gone = new Set(runsToDelete(runs, pipeline.spec, now));
  for (const { metadata } of runs.filter((run) => gone.has(run.metadata.name))) {
    const { namespace = '', name, uid } = metadata;
    await api.delete(resourceTypes.pipelineRuns, { namespace, name }, uid === undefined ? {} : { uid });
  }
}
