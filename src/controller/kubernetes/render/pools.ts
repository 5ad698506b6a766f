import type { Pipeline } from '../../../api/index.ts';
import type { WorkerPool, WorkerResources } from '../../../api/workers.ts';
import { type PoolName, poolNames } from '../../../queue/names.ts';
import type { Installation } from '../installation.ts';

/** How many workers a pool of a Pipeline has, and with what. */
export interface PoolSettings extends Omit<WorkerPool, 'minReplicas' | 'maxReplicas' | 'concurrency' | 'resources'> {
  readonly concurrency: number;
  readonly min: number;
  readonly max: number;
  /** Steps that it makes sense to have under way in all workers together. */
  readonly globalConcurrency?: number;
  readonly resources: WorkerResources;
}

/** The pools that have something to do. Planning is cleaners' work, so a Pipeline always has some. */
export const usedPools = ({ spec }: Pipeline): readonly PoolName[] =>
  poolNames.filter((pool) => pool === 'clean' || spec.datasets.length > 0);

/** What a Pipeline says goes before what the installation says, and that before what is sensible for the pool. */
export function poolSettings({ spec }: Pipeline, installation: Installation, pool: PoolName): PoolSettings {
  const own = spec.workers?.[pool];
  const common = installation.pools[pool];
  const { minReplicas, maxReplicas, concurrency, resources, ...others } = own ?? { provider: 'Internal' as const };
  const most = pool === 'warehouse' ? 1 : Number.POSITIVE_INFINITY; // one process may have the file
  const steps = concurrency ?? common.concurrency ?? sensible[pool].concurrency;
  const max = Math.min(maxReplicas ?? common.maxReplicas ?? Math.max(sensible[pool].max, minReplicas ?? 0), most);
  return {
    ...others,
    concurrency: pool === 'warehouse' ? 1 : steps, // that process takes one step at a time
    min: Math.min(minReplicas ?? common.minReplicas ?? 0, max),
    max,
    ...sourcesConcurrency({ spec }, pool),
    resources: resources ?? common.resources ?? sensible[pool].resources,
  };
}

/**
 * Requests that may be under way at the same time, where every source has a limit: more steps than these would wait for
 * each other's turns. Datasets with one limit key share it.
 */
function sourcesConcurrency({ spec }: Pick<Pipeline, 'spec'>, pool: PoolName): { readonly globalConcurrency?: number } {
  const byKey = new Map<string, number>();
  for (const { extract } of pool === 'extract' ? spec.datasets : []) {
    if (!extract.limits) return {};
    const key = extract.limits.key ?? extract.rest?.baseUrl ?? '';
    byKey.set(key, Math.min(extract.limits.concurrency, byKey.get(key) ?? Number.POSITIVE_INFINITY));
  }
  return byKey.size === 0 ? {} : { globalConcurrency: [...byKey.values()].reduce((a, b) => a + b) };
}

/**
 * Downloads wait for their sources, whose limits hold over all workers. Cleaning fills a core.
 * Memory has a limit, because a worker beyond it is better ended than its neighbours; processor time has none, because
 * what nobody else uses is free.
 */
const sensible: Readonly<Record<PoolName, { concurrency: number; max: number; resources: WorkerResources }>> = {
  extract: {
    concurrency: 4,
    max: 8,
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
  },
  clean: {
    concurrency: 2,
    max: 4,
    resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '2Gi' } },
  },
  warehouse: {
    concurrency: 1,
    max: 1,
    resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '2Gi' } },
  },
};
