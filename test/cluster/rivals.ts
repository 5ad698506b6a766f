import { readFileSync } from 'node:fs';
import { type Cluster, type ControllerProcess, namespace, until } from './cluster.ts';

/** Controllers that compete for one lease. One that ends is followed by another, as in a Deployment. */
export interface Rivals {
  /** The one that leads, once there is one that was not told of before. */
  next(): Promise<ControllerProcess>;
  /** The one that holds the lease now; it may be dead. */
  current(): Promise<ControllerProcess | undefined>;
  /** When the one that holds the lease took it. */
  takenAt(): Promise<Date>;
  /** Another one; it is there when it could lead. */
  join(): Promise<void>;
  /** What all of them logged. */
  logs(): string;
  /** Asks all of them to end, and waits until they have; nobody follows. */
  stop(): Promise<void>;
}

interface Lease {
  readonly spec: { readonly holderIdentity?: string; readonly acquireTime?: string };
}

export async function startRivals(cluster: Cluster, count: number, leaseSeconds: number): Promise<Rivals> {
  const api = await cluster.plane.connect();
  const rivals = new Map<string, ControllerProcess>();
  const joining = new Set<Promise<unknown>>();
  let stopped = false;
  let started = 0;
  let told: ControllerProcess | undefined;

  const join = async (): Promise<void> => {
    started += 1;
    const args = ['--lease-seconds', String(leaseSeconds)];
    const rival = await cluster.startController(`rival-${leaseSeconds}-${started}`, { args });
    rivals.set(rival.identity, rival);
    void rival.ended.then(() => {
      if (stopped) return;
      // One that is killed before it is ready is not followed, and not missed.
      const joined = join()
        .catch(() => undefined)
        .finally(() => joining.delete(joined));
      joining.add(joined);
    });
  };
  const lease = () => api.get<Lease>(`/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/jobpulse-harbour`);
  const holder = async (): Promise<ControllerProcess | undefined> => {
    const found = await lease().catch(() => undefined);
    return rivals.get(found?.spec.holderIdentity ?? '');
  };
  await Promise.all(Array.from({ length: count }, join));
  return {
    async next() {
      let found: ControllerProcess | undefined;
      await until(async () => {
        found = await holder();
        return found !== undefined && found !== told;
      });
      if (!found) throw new Error('nobody leads');
      told = found;
      return found;
    },
    current: holder,
    takenAt: async () => new Date((await lease()).spec.acquireTime ?? ''),
    join,
    logs: () => [...rivals.values()].map(({ logFile }) => readFileSync(logFile, 'utf8')).join(''),
    async stop() {
      stopped = true;
      await Promise.all(joining);
      for (const rival of rivals.values()) rival.kill('SIGTERM');
      await Promise.all([...rivals.values()].map(({ ended }) => ended));
      await api.close();
    },
  };
}
