import { join } from 'node:path';
import { filesystemStore, prefixed } from '../../connectors/stores/filesystem.ts';
import { type Lake, listManifests } from '../../lake/lake.ts';
import { layout } from '../../lake/layout.ts';
import type { WorkEvent } from '../../queue/events.ts';
import { TerminalError } from '../../run/errors.ts';
import type { RunReport } from '../../run/report.ts';
import type { Manifest } from '../../run/types.ts';
import { type Controller, type ControllerOptions, startController } from './controller.ts';
import { namespace } from './namespace.ts';
import { interruptedRuns, type Submission, submit } from './submit.ts';

/** What someone who waits for a run is told. */
export type RunEvent = WorkEvent | { readonly type: 'resumed'; readonly run: string };

export interface RunOutcome {
  readonly report: RunReport;
  /** What this run published. */
  readonly manifests: readonly Manifest[];
}

/** Runs a submission on this machine: as the owner of the data directory, or through the process that owns it. */
export async function runHere(
  options: ControllerOptions,
  submission: Submission,
  watch: (event: RunEvent) => void,
): Promise<RunOutcome> {
  const controller = await startController(options);
  try {
    return await runIn(controller, options, submission, watch);
  } finally {
    await controller.stop();
  }
}

async function runIn(
  controller: Controller,
  { dataDir, signal }: ControllerOptions,
  submission: Submission,
  watch: (event: RunEvent) => void,
): Promise<RunOutcome> {
  const { run, resumed } = await submit(controller, submission, await interruptedRuns(controller));
  if (resumed) watch({ type: 'resumed', run });
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  const ended = await Promise.race([controller.follow(run, watch), interrupted]);
  const lake = lakeOf(dataDir, submission.pipeline.metadata.name);
  const report = await lake.store.get(layout.runReport(run));
  if (!report) throw noReport(run, ended.status?.conditions?.[0]?.message);
  const manifests = (await listManifests(lake)).filter((manifest) => manifest.run === run);
  return { report: JSON.parse(report.toString('utf8')) as RunReport, manifests };
}

const noReport = (run: string, message = 'it ended without a report'): TerminalError =>
  new TerminalError('RunFailed', `${run}: ${message}`);

/** A pipeline's part of a data directory's lake. */
export function lakeOf(dataDir: string, pipeline: string): Lake {
  const name = `${namespace}/${pipeline}`;
  return { store: prefixed(filesystemStore(join(dataDir, 'lake')), name), pipeline: name };
}
