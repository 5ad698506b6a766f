import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelineRun } from '../../src/api/index.ts';
import type { ControlPlane } from '../servers/kubernetes/controlPlane.ts';

/** What a watch told of runs, from the first to the last. */
export interface History {
  /** Names of all runs that there ever were. */
  runs(): readonly string[];
  /** The phases of a run, each time it changed. */
  phases(run: string): readonly string[];
  stop(): Promise<void>;
}

interface Known {
  readonly phases: string[];
}

/** Follows all runs of a namespace; over a restart of the API server it goes on with what is there then. */
export async function recordRuns(plane: ControlPlane, namespace = 'default'): Promise<History> {
  const api = await plane.connect();
  const path = `/apis/jobpulse.dev/v1alpha1/namespaces/${namespace}/pipelineruns`;
  const known = new Map<string, Known>();
  const stopping = new AbortController();
  const see = ({ metadata, status }: PipelineRun): void => {
    const run = known.get(metadata.name) ?? { phases: [] };
    known.set(metadata.name, run);
    // A changed time of the end is an end too.
    const phase = [status?.phase ?? 'Pending', ...(status?.finishTime ? [`at ${status.finishTime}`] : [])].join(' ');
    if (run.phases.at(-1) !== phase) run.phases.push(phase);
  };
  const follow = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        for await (const { type, object } of api.watch<PipelineRun & { metadata: { uid: string } } & never>(
          `${path}?watch=true`,
          stopping.signal,
        )) {
          if (type === 'ADDED' || type === 'MODIFIED') see(object);
        }
      } catch {
        // It is away, or we are done.
      }
      await sleep(100, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const following = follow();
  return {
    runs: () => [...known.keys()],
    phases: (run) => (known.get(run)?.phases ?? []).map((phase) => phase.split(' ')[0] ?? ''),
    async stop() {
      stopping.abort();
      await following;
      await api.close();
    },
  };
}
