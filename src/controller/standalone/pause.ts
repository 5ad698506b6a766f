import type { Pipeline } from '../../api/index.ts';
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

/** Notes it on the stored pipeline, beside the manifest: applying the manifest again leaves it alone. */
export const setPaused = (resources: Resources, { pipeline, paused }: Pause): Promise<void> =>
  resources.pipelines.update(pipeline, (before): Pipeline => {
    const { [pausedAnnotation]: _, ...others } = before.metadata.annotations ?? {};
    const annotations = paused ? { ...others, [pausedAnnotation]: 'true' } : others;
    return { ...before, metadata: { ...before.metadata, annotations } };
  });

/** Pauses or resumes a pipeline of a data directory, through the process that owns it if there is one. */
export async function pauseHere(dataDir: string, request: Pause, signal: AbortSignal): Promise<void> {
  const resources = openResources(dataDir, namespace);
  await asOwnerOrClient<void>(
    dataDir,
    { version, signal },
    {
      owner: () => setPaused(resources, request),
      client: (client) => client.submit<Pause, never, void>(request, () => undefined, signal),
    },
  );
}
