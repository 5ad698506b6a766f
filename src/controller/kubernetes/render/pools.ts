import type { Pipeline } from '../../../api/index.ts';
import { parseDuration } from '../../../api/parseUnits.ts';
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
  /** Steps that the sources let begin in a second, if all of them have a rate. */
  readonly startsPerSecond?: number;
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
    ...sourceLimits({ spec }, pool),
    resources: resources ?? common.resources ?? sensible[pool].resources,
  };
}

type SourceLimits = Pick<PoolSettings, 'globalConcurrency' | 'startsPerSecond'>;
type Limits = NonNullable<Pipeline['spec']['datasets'][number]['extract']['limits']>;

/**
 * What all sources together allow, where every source has a limit: more steps than these would wait for each other's
 * turns. A step is one request at least. Datasets with one limit key share it, and the strictest wins.
 */
function sourceLimits({ spec }: Pick<Pipeline, 'spec'>, pool: PoolName): SourceLimits {
  const byKey = new Map<string, { concurrency: number; perSecond: number }>();
  for (const { extract } of pool === 'extract' ? spec.datasets : []) {
    if (!extract.limits) return {};
    const key = extract.limits.key ?? extract.rest?.baseUrl ?? '';
    const { concurrency, perSecond } = byKey.get(key) ?? { concurrency: Infinity, perSecond: Infinity };
    byKey.set(key, {
      concurrency: Math.min(extract.limits.concurrency, concurrency),
      perSecond: Math.min(perSecondOf(extract.limits), perSecond),
    });
  }
  if (byKey.size === 0) return {};
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b);
  const sources = [...byKey.values()];
  const startsPerSecond = sum(sources.map(({ perSecond }) => perSecond));
  return {
    globalConcurrency: sum(sources.map(({ concurrency }) => concurrency)),
    ...(startsPerSecond < Infinity && { startsPerSecond }),
  };
}

const perSecondOf = ({ rate }: Limits): number =>
  rate === undefined ? Infinity : rate.requests / (parseDuration(rate.per) / 1000);

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
