import type { Pipeline, PipelineRunSpec } from '../../api/index.ts';
import { decideAfter } from '../after.ts';
import { hasEnded } from '../runs.ts';
import { decideSchedule, jitterOf, type ScheduleDecision, scheduleCondition } from '../schedule.ts';
import { type Trigger, triggerLabel } from '../trigger.ts';
import { ApiError, type KubeApi } from './api.ts';
import { resourceTypes } from './client.ts';
import { pipelineLabel, scheduledAtAnnotation } from './names.ts';
import { ownerOf } from './runs.ts';
import type { StoredPipeline, StoredRun } from './stored.ts';

/** Since when this controller looks at schedules without a break, and what time it is. */
export interface Moment {
  readonly awakeSince: Date;
  readonly now: Date;
}

/** A run that the controller makes of its own accord. */
export interface WantedRun {
  readonly name: string;
  readonly asOf: Date;
  readonly trigger: Trigger;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a Pipeline's schedule, and the Pipelines that it runs after, ask for now. */
export interface WantedRuns extends Pick<ScheduleDecision, 'cancel' | 'nextRun' | 'lookAt'> {
  readonly create: readonly WantedRun[];
}

/** Nobody asks for anything. */
export const noRuns: WantedRuns = { create: [], cancel: [] };

/** Decides what a valid Pipeline asks for. */
export function wantedRuns(
  pipeline: Pipeline,
  runsOf: (pipeline: string) => readonly StoredRun[],
  installation: string,
  { awakeSince, now }: Moment,
): WantedRuns {
  const { name, namespace } = pipeline.metadata;
  const condition = scheduleCondition(pipeline, now);
  const spec = { ...pipeline.spec, suspend: condition?.status !== 'False' };
  const since = new Date(condition?.lastTransitionTime ?? now);
  const runs = runsOf(name);
  const { create, ...decision } = decideSchedule({
    ...{ pipeline: name, spec, since, awakeSince, now },
    runs: runs.map((run) => ({ name: run.metadata.name, asOf: asOfRun(run), ended: hasEnded(run) })),
    jitterMs: jitterOf(installation, `${namespace}/${name}`),
  });
  // One run at a time: what others ask for is decided at the next look.
  if (create.length > 0) return { ...decision, create: create.map((run) => ({ ...run, trigger: 'Schedule' })) };
  const after = decideAfter({ pipeline: name, spec, runs, runsOf, since, now });
  return {
    ...decision,
    create: after.create ? [{ ...after.create, trigger: 'After' }] : [],
    cancel: [...decision.cancel, ...after.cancel],
  };
}

const asOfRun = ({ metadata, status }: StoredRun): Date =>
  new Date(status?.asOf ?? metadata.annotations?.[scheduledAtAnnotation] ?? 0);

/** Creates a run; one of that name may be there already, from another leader or from before a crash. */
export async function createRun(
  api: KubeApi,
  pipeline: StoredPipeline,
  wanted: WantedRun,
): Promise<StoredRun | undefined> {
  const { name, namespace = '' } = pipeline.metadata;
  // What is left out gets the default of the schema.
  const spec: Pick<PipelineRunSpec, 'pipelineRef'> = { pipelineRef: { name } };
  const run = {
    apiVersion: pipeline.apiVersion,
    kind: 'PipelineRun',
    metadata: {
      ...{ name: wanted.name, namespace },
      labels: { [pipelineLabel]: name, [triggerLabel]: wanted.trigger },
      annotations: { ...wanted.annotations, [scheduledAtAnnotation]: wanted.asOf.toISOString() },
      ownerReferences: [ownerOf(pipeline)],
    },
    spec,
  };
  try {
    return await api.create(resourceTypes.pipelineRuns, run as unknown as StoredRun);
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'AlreadyExists') return undefined;
    throw error;
  }
}

/** Asks a run to end as it is; it may be gone. */
export async function cancelRun(api: KubeApi, { metadata }: StoredPipeline, name: string): Promise<void> {
  const key = { namespace: metadata.namespace ?? '', name };
  try {
    await api.patch(resourceTypes.pipelineRuns, key, { spec: { state: 'Cancel' } });
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  }
}
