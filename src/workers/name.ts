/**
 * What a worker is called among the holders of leases and among the busy: its pod (or host), and what is different at
 * every start, so that a worker is never taken for the one before it.
 */
export const workerName = (pod: string, pid: number, startedAt: number): string => `${pod}.${pid}.${startedAt}`;

/** The pod that a worker is in. */
export const podOf = (worker: string): string => worker.replace(/\.\d+\.\d+$/, '');
