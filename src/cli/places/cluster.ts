import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { checkPipeline, type Pipeline, type PipelineRun } from '../../api/index.ts';
import { ApiError, type KubeApi } from '../../controller/kubernetes/api.ts';
import { listAll, openKubeApi, resourceTypes } from '../../controller/kubernetes/client.ts';
import { pipelineLabel } from '../../controller/kubernetes/names.ts';
import { hasEnded } from '../../controller/runs.ts';
import { pausedAnnotation } from '../../controller/schedule.ts';
import { emptyAlertBook } from '../../controller/standalone/alertBook.ts';
import { triggerLabel } from '../../controller/trigger.ts';
import { TransientError } from '../../run/errors.ts';
import { canonical } from '../../run/key.ts';
import { CliError, exitCodes } from '../exit.ts';
import { inWords } from './clusterErrors.ts';
import { lakeAt } from './lakeAt.ts';
import type { Place, Started, StartOptions, WantedRun } from './place.ts';

export interface ClusterOptions {
  /** What a person types before the verb. */
  readonly program: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly kubeconfig?: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

type StoredRun = PipelineRun & Parameters<KubeApi['create']>[1];

/** Pipelines of one namespace of a cluster. */
export function clusterPlace(options: ClusterOptions): Place {
  const opened = openKubeApi(options);
  const { api, close } = opened;
  const namespace = options.namespace ?? opened.namespace;
  const { signal } = options;
  const key = (name: string) => ({ namespace, name });
  const said = <Result>(what: string, call: Promise<Result>): Promise<Result> =>
    call.catch((error: unknown) => Promise.reject(inWords(error, `${what} in namespace ${namespace}`)));
  return {
    ...{ name: `namespace ${namespace}`, begin: 'apply one with: kubectl apply -f <manifest>', close },
    command: (words) => `${options.program} ${words} ${optionsText(options, namespace)}`,
    pipelines: async () => {
      const listed = listAll(api, resourceTypes.pipelines, { namespace }, signal);
      return (await said('list pipelines', listed)).map(asPipeline);
    },
    alerts: async () => emptyAlertBook,
    runs: () => said('list pipelineruns', listAll(api, resourceTypes.pipelineRuns, { namespace }, signal)),
    pause: async (pipeline, paused) => {
      const patch = { metadata: { annotations: { [pausedAnnotation]: paused ? 'true' : null } } };
      await said('patch pipelines', api.patch(resourceTypes.pipelines, key(pipeline), patch));
    },
    setState: async (run, state) => {
      await said('patch pipelineruns', api.patch(resourceTypes.pipelineRuns, key(run), { spec: { state } }));
    },
    lake: (pipeline, named) => (named === undefined ? undefined : lakeAt(named, namespace, pipeline)),
    lakeFolder: (pipeline) => `${namespace}/${pipeline}`,
    parts: async (controllerNamespace = namespace) =>
      (await import('../report/cluster.ts')).clusterParts({ opened, namespace, controllerNamespace, signal }),
    // Values of Secrets are none of ours to read.
    mask: async () => (text) => text,
    start: async (wanted, start) => {
      const run = runObject(wanted, namespace);
      await said('create pipelineruns', createOnce(api, run));
      if (!start.wait) return { type: 'begun', run: wanted.name };
      return followed(() => said('get pipelineruns', api.get(resourceTypes.pipelineRuns, key(wanted.name))), {
        ...start,
        ...{ name: wanted.name, signal },
      });
    },
  };
}

function optionsText({ context, kubeconfig }: ClusterOptions, namespace: string): string {
  const where = [
    ...(kubeconfig === undefined ? [] : [`--kubeconfig ${kubeconfig}`]),
    ...(context === undefined ? [] : [`--context ${context}`]),
  ];
  return [...where, `--namespace ${namespace}`].join(' ');
}

/** With the defaults of this version in place. One that it finds invalid gets those that verbs look at. */
function asPipeline(stored: Pipeline): Pipeline {
  const checked = checkPipeline(stored);
  if (checked.ok) return checked.pipeline;
  const { suspend = false, timeZone = 'UTC', params = [], datasets = [] } = stored.spec;
  const named = datasets.map((dataset) => ({ ...dataset, aliases: dataset.aliases ?? [] }));
  return { ...stored, spec: { ...stored.spec, suspend, timeZone, params, datasets: named } };
}

const runObject = ({ name, pipeline, trigger, spec }: WantedRun, namespace: string): StoredRun => ({
  apiVersion: 'jobpulse.dev/v1alpha1',
  kind: 'PipelineRun',
  metadata: {
    ...{ name, namespace },
    labels: { [pipelineLabel]: pipeline.metadata.name, [triggerLabel]: trigger },
  },
  // The API server fills in the defaults.
  spec: { pipelineRef: { name: pipeline.metadata.name }, ...spec } as PipelineRun['spec'],
});

/** A run of this name that asks for the same is the one we want; another is not. */
async function createOnce(api: KubeApi, run: StoredRun): Promise<void> {
  try {
    await api.create(resourceTypes.pipelineRuns, run);
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error;
    const { namespace = '', name } = run.metadata;
    const there = await api.get(resourceTypes.pipelineRuns, { namespace, name });
    if (there && asksFor(there.spec, run.spec)) return;
    throw new CliError(exitCodes.invalid, `there is a run ${name} already, which asks for something else; give --name`);
  }
}

const asksFor = (there: object, wanted: object): boolean =>
  Object.entries(wanted).every(
    ([field, value]) => canonical((there as Record<string, never>)[field] ?? null) === canonical(value as never),
  );

const pollMs = 1_000;
/** An API server that is away this long is told; the run goes on without us. */
const patienceMs = 120_000;

interface Following extends StartOptions {
  readonly name: string;
  readonly signal: AbortSignal;
}

/** Waits for the end of a run, over a short absence of the API server. */
async function followed(
  get: () => Promise<PipelineRun | undefined>,
  { name, signal, progress }: Following,
): Promise<Started> {
  let heardAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const run = await get().catch((error: unknown) => {
      const isAway = error instanceof CliError && error.cause instanceof TransientError;
      if (!isAway || performance.now() - heardAt > patienceMs) throw error;
      return 'away' as const;
    });
    if (run === undefined) throw new CliError(exitCodes.failed, `${name}: somebody deleted it`);
    if (run !== 'away') {
      heardAt = performance.now();
      if (hasEnded(run)) return { type: 'ended', run };
      const { total = 0, done = 0 } = run.status?.steps ?? {};
      progress.update(`${name}: ${run.status?.phase ?? 'Pending'}, ${done} of ${total} steps`);
    }
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}
