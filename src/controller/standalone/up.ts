import { setTimeout as sleep } from 'node:timers/promises';
import type { Pipeline, PipelineRun } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import type { RunReport } from '../../run/report.ts';
import { version } from '../../version.ts';
import { afterCycle } from '../after.ts';
import { isPaused } from '../schedule.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { createRun } from './history.ts';
import { installationId } from './identities.ts';
import { lakeOf } from './lake.ts';
import {
  type LoadManifest,
  type ManifestChange,
  type ManifestFolder,
  manifestFiles,
  openManifestFolder,
  watchFolder,
} from './manifests.ts';
import { actAsOwner, answerWith, type Owned } from './own.ts';
import { becomeOwnerOrConnect } from './ownership.ts';
import { type Scheduler, startScheduler } from './scheduler.ts';
import { reportOf } from './session.ts';
import { cancelRun, endOf, interruptedRuns, isStale, newRun, type RunEvent, rejectOn } from './submit.ts';

export interface UpOptions extends ControllerOptions {
  /** Folder whose manifests are kept applied. */
  readonly folder: string;
  readonly load: LoadManifest;
}

/** What there is to tell while a folder is kept up. */
export type UpEvent =
  | { readonly type: 'ready' }
  | Extract<ManifestChange, { type: 'invalid' | 'removed' }>
  | (Extract<ManifestChange, { type: 'valid' }> & { readonly paused: boolean })
  | { readonly type: 'run'; readonly pipeline: string; readonly event: RunEvent }
  | { readonly type: 'finished'; readonly report: RunReport }
  | { readonly type: 'trouble'; readonly message: string };

/**
 * Keeps the pipelines of a folder applied, scheduled and served, as the owner of the data directory. Ends only by its
 * signal, or when the workers or the private Redis do not stay up; whatever ends it, the next one goes on from there.
 */
export async function keepUp(options: UpOptions, tell: (event: UpEvent) => void): Promise<void> {
  await manifestFiles(options.folder); // a folder that is not there is told before anything is started
  const ownership = await becomeOwnerOrConnect(options.dataDir, { version, signal: options.signal });
  if (ownership.role === 'client') throw alreadyOwned(options.dataDir, ownership.client.hello.pid);
  try {
    await actAsOwner({ ...options, lasting: true }, (owned) => serveFolder(options, owned, tell));
  } finally {
    ownership.lock.release();
  }
}

const alreadyOwned = (dataDir: string, pid: number): TerminalError =>
  new TerminalError(
    'DataDirOwned',
    `process ${pid} works on ${dataDir}, and only one can; wait for it to end, stop it with \`kill ${pid}\`, ` +
      'or use another --data-dir',
  );

/** What the parts of a folder's upkeep share. */
interface Upkeep extends UpOptions {
  readonly controller: Controller;
  readonly manifests: ManifestFolder;
  readonly tell: (event: UpEvent) => void;
}

async function serveFolder(options: UpOptions, { controller, accept }: Owned, tell: Upkeep['tell']): Promise<void> {
  const { folder, load, signal } = options;
  const upkeep = { ...options, controller, tell, manifests: openManifestFolder(folder, load) };
  await applyChanges(upkeep);
  const follow: Follow = (pipeline, run) => void followToEnd(upkeep, pipeline, run).then(() => scheduler.look());
  const unfinished = await interruptedRuns(controller);
  const scheduler = schedule(upkeep, follow);
  const answer = answerWith(options, controller, await takeUp(upkeep, unfinished, follow));
  accept(async (request, watch, signal) => {
    try {
      const end = await answer(request, watch, signal);
      if ('begin' in request && end) follow(request.begin.pipeline.metadata.name, end.run);
      return end;
    } finally {
      await reapply(upkeep).then(scheduler.look);
    }
  });
  const onChange = oneAtATime(() => applyChanges(upkeep).then(scheduler.look), tell);
  const stopWatching = watchFolder(folder, onChange);
  tell({ type: 'ready' });
  try {
    await Promise.race([rejectOn(signal), controller.lost.then((error) => Promise.reject(error))]);
  } finally {
    stopWatching();
    await scheduler.stop();
  }
}

/** Goes on with a run to its end, without being waited for. */
type Follow = (pipeline: string, run: string) => void;

async function applyChanges({ manifests, controller, tell }: Upkeep): Promise<void> {
  for (const change of await manifests.scan()) {
    if (change.type === 'valid') {
      const { pipeline, filesRoot } = change.manifest;
      await controller.apply(pipeline, filesRoot);
      const stored = await controller.resources.pipelines.get(pipeline.metadata.name);
      tell({ ...change, paused: stored !== undefined && isPaused(stored) });
      const circle = afterCycle(pipeline.metadata.name, manifestsOf(manifests));
      if (circle) tell({ type: 'trouble', message: `${pipeline.metadata.name}: ${circle.message}. ${circle.fix}` });
    } else {
      if (change.type === 'removed') await suspend(controller, change.pipeline);
      tell(change);
    }
  }
}

/** Somebody may have run another version of a manifest by hand: the folder is what counts afterwards. */
async function reapply({ manifests, controller }: Upkeep): Promise<void> {
  for (const { pipeline, filesRoot } of manifests.pipelines().values()) await controller.apply(pipeline, filesRoot);
}

/** Lets a schedule rest until a manifest is applied again. */
const suspend = ({ resources }: Controller, name: string): Promise<void> =>
  resources.pipelines.update(name, (before) => ({ ...before, spec: { ...before.spec, suspend: true } }));

const manifestsOf = (manifests: ManifestFolder): readonly Pipeline[] =>
  [...manifests.pipelines().values()].map(({ pipeline }) => pipeline);

const schedule = ({ controller, manifests, dataDir, log }: Upkeep, follow: Follow): Scheduler =>
  startScheduler({
    ...{ resources: controller.resources, log, installation: installationId(dataDir) },
    pipelines: () => manifestsOf(manifests),
    cancel: (run) => cancelRun(controller, run),
    create: async (pipeline, { name: run, asOf, trigger, annotations = {} }) => {
      const manifest = manifests.pipelines().get(pipeline);
      if (!manifest) return; // its file went away meanwhile
      await controller.apply(manifest.pipeline, manifest.filesRoot);
      const spec = { from: 'Extract' as const, params: [], datasets: [] };
      const wanted = newRun(pipeline, { run, spec, trigger }, asOf.toISOString());
      const annotated = { ...wanted, metadata: { ...wanted.metadata, annotations } };
      if (await createRun(controller.resources, annotated)) follow(pipeline, run);
    },
  });

/** Goes on with the unfinished runs of served pipelines. Returns those of others: whoever brings their manifest may. */
async function takeUp(
  { controller, manifests, tell }: Upkeep,
  unfinished: Map<string, PipelineRun>,
  follow: Follow,
): Promise<Map<string, PipelineRun>> {
  for (const [name, run] of unfinished) {
    const pipeline = run.spec.pipelineRef.name;
    if (!manifests.pipelines().has(pipeline)) continue;
    unfinished.delete(name);
    if (isStale(run)) await cancelRun(controller, name);
    else tell({ type: 'run', pipeline, event: { type: 'resumed', run: name } });
    follow(pipeline, name);
  }
  return unfinished;
}

/** Waits for Redis as long as it takes: a service outlives what it depends on. */
const patienceMs = 5_000;

/** Follows a run to its end and tells of it. Never rejects. */
async function followToEnd(
  { controller, dataDir, signal, tell }: Upkeep,
  pipeline: string,
  run: string,
): Promise<void> {
  const watch = (event: RunEvent) => tell({ type: 'run', pipeline, event });
  let told = '';
  while (!signal.aborted) {
    try {
      const ended = await controller.follow(run, watch);
      return tell({ type: 'finished', report: await reportOf(lakeOf(dataDir, pipeline), endOf(ended)) });
    } catch (error) {
      if (signal.aborted) return;
      const { message } = error as Error;
      if (message !== told) tell({ type: 'trouble', message });
      if (error instanceof TerminalError && error.reason === 'RunFailed') return;
      told = message;
      await sleep(patienceMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Calls while the work waits for its turn are one; what goes wrong is told, and the next call tries again. */
function oneAtATime(work: () => Promise<void>, tell: Upkeep['tell']): () => void {
  let turn: Promise<void> = Promise.resolve();
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    const start = () => {
      waits = false;
      return work();
    };
    turn = turn.then(start).catch((error: Error) => tell({ type: 'trouble', message: error.message }));
  };
}
