import type { Redis } from 'ioredis';
import { claimEpoch, readEpoch } from '../../queue/epoch.ts';
import { type Loads, openLoads } from '../../queue/load.ts';
import { openWaves, type Waves } from '../../queue/waves.ts';
import type { World } from '../world.ts';
import type { KubeApi } from './api.ts';
import type { Caches } from './caches.ts';
import type { Installation } from './installation.ts';
import { clusterWorld } from './world.ts';

export interface TenantsOptions {
  readonly api: KubeApi;
  readonly caches: Caches;
  readonly installation: Installation;
  /** For commands of all namespaces. */
  readonly redis: Redis;
  readonly epoch: number;
  readonly now: () => Date;
}

/** What the controller holds for a namespace. */
interface Tenant {
  readonly waves: Waves;
  readonly loads: Loads;
  readonly world: World;
}

/** The namespaces that have Pipelines; each has its part of Redis. */
export interface Tenants {
  namespaces(): readonly string[];
  world(namespace: string): World;
  loads(namespace: string): Loads;
  /** Namespaces whose part of Redis was wiped since the last look; from then on it counts as seen. */
  wiped(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export function openTenants({ api, caches, installation, redis, epoch, now }: TenantsOptions): Tenants {
  const tenants = new Map<string, Tenant>();
  const tenant = (namespace: string): Tenant => {
    const known = tenants.get(namespace);
    if (known) return known;
    const waves = openWaves(redis, namespace, () => epoch);
    const { pipelines, runs } = caches;
    const world = clusterWorld({ api, namespace, pipelines, runs, waves, installation, now });
    const opened = { waves, loads: openLoads(redis, namespace), world };
    tenants.set(namespace, opened);
    return opened;
  };
  const namespaces = (): readonly string[] => [
    ...new Set([...caches.pipelines.list(), ...caches.runs.list()].map(({ metadata }) => metadata.namespace ?? '')),
  ];
  return {
    namespaces,
    world: (namespace) => tenant(namespace).world,
    loads: (namespace) => tenant(namespace).loads,
    async wiped() {
      const all = namespaces();
      const epochs = await Promise.all(all.map((namespace) => readEpoch(redis, namespace)));
      const gone = all.filter((_, index) => epochs[index] === undefined);
      for (const namespace of gone) await claimEpoch(redis, namespace, epoch);
      return gone;
    },
    close: async () => {
      await Promise.all([...tenants.values()].map(({ waves }) => waves.close()));
    },
  };
}
