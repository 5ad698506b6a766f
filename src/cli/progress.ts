import type { RunEvent } from '../controller/standalone/submit.ts';
import type { Progress } from './output.ts';

/** Tells a person what a run is doing. */
export function showEvent(progress: Progress, pipeline: string, event: RunEvent): void {
  if (event.type === 'resumed') progress.line(`${pipeline}: going on with ${event.run}, which was interrupted`);
  if (event.type === 'waiting') progress.line(`${pipeline}: waits for it to end: ${event.message}`);
  if (event.type !== 'started' && event.type !== 'progress' && event.type !== 'retrying') return;
  if (event.stage === 'Sweep' || event.stage === 'Compact') return; // housekeeping that nobody waits for
  const place = `${pipeline}/${event.dataset}: ${event.stage.toLowerCase()}`;
  if (event.type === 'started') progress.update(`${place} …`);
  if (event.type === 'progress') progress.update(`${place}: ${event.message ?? ''}`);
  if (event.type === 'retrying') progress.line(`${place} is tried again: ${event.message}`);
}
