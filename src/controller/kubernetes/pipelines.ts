import type { Problem } from '../../api/index.ts';
import type { KubeApi } from './api.ts';
import type { Installation } from './installation.ts';
import { typeOf } from './names.ts';
import { applyObject } from './pipelines/apply.ts';
import { checkStored } from './pipelines/check.ts';
import type { Child, Children } from './pipelines/child.ts';
import { observePools, type PoolState } from './pipelines/observe.ts';
import { find, foreign } from './pipelines/ownership.ts';
import { renderPools, type WantedObject } from './render/index.ts';
import type { StoredPipeline } from './stored.ts';

/** All that reconciling a Pipeline's workload needs. */
export interface WorkloadWorld {
  readonly api: KubeApi;
  readonly children: Children;
  readonly installation: Installation;
}

/** What became of a Pipeline's workload. At most one of `problems`, `conflict` and `refused` is there. */
export interface Workload {
  /** What is wrong with the manifest. Nothing was touched: what ran before goes on. */
  readonly problems?: readonly Problem[];
  /** An object of somebody else is in the way. Nothing was touched. */
  readonly conflict?: string;
  /** The API server does not want one of the objects, and would not the next time. */
  readonly refused?: string;
  /** Objects that were written or deleted; 0 when everything was as it should be. */
  readonly writes: number;
  /** The pools there are. */
  readonly pools: readonly PoolState[];
}

/**
 * Makes the workload of a Pipeline what its manifest asks for, in steps: check, render, look whose the names are, apply
 * what differs, remove what is no longer used. Doing it again changes nothing. What can be expected to go wrong is in
 * the outcome; it rejects only when a second attempt may go better.
 */
export async function reconcileWorkload(world: WorkloadWorld, stored: StoredPipeline): Promise<Workload> {
  const outcome = stored.metadata.deletionTimestamp === undefined ? await bringAbout(world, stored) : { writes: 0 };
  return { ...outcome, pools: observePools(world.children, stored.metadata) };
}

type Outcome = Omit<Workload, 'pools'>;

async function bringAbout(world: WorkloadWorld, stored: StoredPipeline): Promise<Outcome> {
  const checked = checkStored(stored, world.installation);
  if (!checked.ok) return { problems: checked.problems, writes: 0 };
  const wanted = planned(checked.pipeline, world.installation);
  const places = await Promise.all(wanted.map(async (each) => ({ ...each, there: await locate(world, each.object) })));
  const conflict = places.flatMap(({ there, object }) => (there && foreign(there, object, stored)) ?? []).join('; ');
  if (conflict !== '') return { conflict, writes: 0 };
  const applied = await applyAll(world, places);
  if (applied.refused !== undefined) return applied;
  return { writes: applied.writes + (await prune(world, stored, wanted)) };
}

/** An object that is wanted; a workload with the replicas it begins with. */
interface Planned {
  readonly object: WantedObject;
  readonly replicas?: number;
}

const planned = (pipeline: StoredPipeline, installation: Installation): readonly Planned[] =>
  renderPools(pipeline, installation).flatMap(({ guards, workload, replicas }) => [
    ...guards.map((object) => ({ object })),
    { object: workload, replicas },
  ]);

const locate = ({ api, children }: WorkloadWorld, object: WantedObject) => find(api, children, object);

/** In order, and no further than to the first that is refused: no pod is there before what keeps it in bounds. */
async function applyAll(
  { api, children }: WorkloadWorld,
  places: readonly (Planned & { readonly there: Child | undefined })[],
): Promise<Outcome> {
  let writes = 0;
  for (const { object, there, replicas } of places) {
    const applied = await applyObject(api, there, object, replicas);
    if (!applied.stored) return { refused: applied.refused, writes };
    if (!applied.written) continue;
    children.remember(applied.stored);
    writes += 1;
  }
  return { writes };
}

/** Deletes what this very Pipeline owns and no longer wants. Volumes stay. */
async function prune({ api, children }: WorkloadWorld, { metadata }: StoredPipeline, wanted: readonly Planned[]) {
  const kept = new Set(wanted.map(({ object }) => placeOf(object)));
  const useless = children
    .ownedBy(metadata.uid ?? '')
    .filter((child) => child.metadata.deletionTimestamp === undefined && !kept.has(placeOf(child)));
  for (const child of useless) {
    const { name, namespace = 'default', uid } = child.metadata;
    await api.delete(typeOf(child), { namespace, name }, uid === undefined ? {} : { uid });
  }
  return useless.length;
}

const placeOf = ({ kind, metadata: { name } }: WantedObject | Child): string => `${kind} ${name}`;
