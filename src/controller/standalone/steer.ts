import type { Pipeline, PipelineRun, PipelineRunSpec } from '../../api/index.ts';
import { version } from '../../version.ts';
import { pausedAnnotation } from '../schedule.ts';
import { namespace } from './namespace.ts';
import { asOwnerOrClient } from './ownership.ts';
import { openResources, type Resources } from './resources.ts';

/** Asks that a pipeline's schedule rests, or goes on. */
export interface Pause {
  readonly pipeline: string;
  readonly paused: boolean;
}

/** Asks that a run goes on, rests or ends. */
export interface RunState {
  readonly run: string;
  readonly state: PipelineRunSpec['state'];
}

export type Steering = Pause | RunState;

/** Whether a request steers what there is, and asks for nothing new. */
export const isSteering = (request: object): request is Steering => 'paused' in request || 'state' in request;

/** Notes on the stored object what somebody wants of it. */
export const steer = (resources: Resources, request: Steering): Promise<void> =>
  'paused' in request
    ? resources.pipelines.update(request.pipeline, (before) => withPause(before, request.paused))
    : resources.runs.update(request.run, (before) => withState(before, request.state));

/** Beside the manifest: applying that again leaves it alone. */
function withPause(before: Pipeline, paused: boolean): Pipeline {
  const { [pausedAnnotation]: _, ...others } = before.metadata.annotations ?? {};
  const annotations = paused ? { ...others, [pausedAnnotation]: 'true' } : others;
  return { ...before, metadata: { ...before.metadata, annotations } };
}

const withState = (before: PipelineRun, state: RunState['state']): PipelineRun => ({
  ...before,
  spec: { ...before.spec, state },
});

/** Steers a pipeline or a run of a data directory, through the process that owns it if there is one. */
export async function steerHere(dataDir: string, request: Steering, signal: AbortSignal): Promise<void> {
  const resources = openResources(dataDir, namespace);
  await asOwnerOrClient<void>(
    dataDir,
    { version, signal },
    {
      owner: () => steer(resources, request),
      client: (client) => client.submit<Steering, never, void>(request, () => undefined, signal),
    },
  );
}
