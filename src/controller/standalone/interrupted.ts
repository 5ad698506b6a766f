import type { PipelineRun } from '../../api/index.ts';
import { type Lake, listManifests } from '../../lake/lake.ts';
import type { StageName } from '../../run/types.ts';
import { hasEnded } from '../runs.ts';
import { namespace } from './namespace.ts';
import { openResources } from './resources.ts';
import type { RunEvent } from './submit.ts';

/** A command was told to stop before its run had ended; the message says what is done and what is left. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError';
}

/** What someone who follows a run has seen of it. */
export interface Sight {
  /** Its name, which is another one when an interrupted run was taken up. */
  readonly run: string;
  /** Steps that began and have not been published, with the last they told. */
  readonly underWay: ReadonlyMap<string, string>;
}

/** Passes events on and remembers what is left to do. */
export function watched(
  run: string,
  watch: (event: RunEvent) => void,
): { readonly sight: () => Sight; readonly watch: (event: RunEvent) => void } {
  let name = run;
  const underWay = new Map<string, string>();
  const note = (event: RunEvent): void => {
    if (event.type === 'resumed') name = event.run;
    if (event.type === 'published') underWay.delete(place(event.manifest));
    if (event.type === 'started' || event.type === 'progress') underWay.set(place(event), event.message ?? '');
  };
  return {
    sight: () => ({ run: name, underWay }),
    watch: (event) => {
      note(event);
      watch(event);
    },
  };
}

const place = ({ dataset, stage }: { readonly dataset: string; readonly stage: StageName }): string =>
  `${stage.toLowerCase()} of ${dataset}`;

/** What an interrupted run leaves, as far as it is known; told when its steps have ended or given up. */
export async function leftOver(dataDir: string, lake: Lake, { run: name, underWay }: Sight): Promise<string> {
  const run = await openResources(dataDir, namespace).runs.get(name);
  if (!run) return 'interrupted before anything was begun; run the same command again to do it';
  if (hasEnded(run)) return `interrupted when ${name} had ended (${run.status?.phase}); its report is in the lake`;
  const places = [...underWay].map(([what, message]) => (message === '' ? what : `${what} (${message})`));
  const rest = places.length > 0 ? `, under way: ${places.join('; ')}` : '';
  return `interrupted: ${name} is saved: ${await stepsDone(lake, run)}${rest}. Run the same command again to go on`;
}

async function stepsDone(lake: Lake, { metadata, status }: PipelineRun): Promise<string> {
  const done = (await listManifests(lake)).filter(({ run }) => run === metadata.name).length;
  const known = Math.max(done, (status?.steps?.total ?? 0) - (status?.steps?.failed ?? 0));
  return `${done} of ${known} steps known so far are published`;
}
