import { join } from 'node:path';
import { filesystemStore, prefixed } from '../../connectors/stores/filesystem.ts';
import { type Lake, listManifests } from '../../lake/lake.ts';
import { layout } from '../../lake/layout.ts';
import type { WorkEvent } from '../../queue/events.ts';
import { TerminalError } from '../../run/errors.ts';
import type { RunReport } from '../../run/report.ts';
import type { Manifest } from '../../run/types.ts';
import { version } from '../../version.ts';
import { type Controller, type ControllerOptions, startController } from './controller.ts';
import { namespace } from './namespace.ts';
import { serveOwner } from './owner.ts';
import { asOwnerOrClient } from './ownership.ts';
import { interruptedRuns, type Submission, submit } from './submit.ts';

/** What someone who waits for a run is told. */
export type RunEvent = WorkEvent | { readonly type: 'resumed'; readonly run: string };

export interface RunOutcome {
  readonly report: RunReport;
  /** What this run published. */
  readonly manifests: readonly Manifest[];
}

/** A run that has ended: its name, and why when it left no report. */
interface RunEnd {
  readonly run: string;
  readonly message: string;
}

/** Does a submission to its end; an abort leaves the run as it is, to be gone on with. */
type RunSubmission = (submission: Submission, watch: (event: RunEvent) => void, signal: AbortSignal) => Promise<RunEnd>;

/** Runs a submission on this machine: as the owner of the data directory, or through the process that owns it. */
export async function runHere(
  options: ControllerOptions,
  submission: Submission,
  watch: (event: RunEvent) => void,
): Promise<RunOutcome> {
  const { dataDir, signal } = options;
  const end = await asOwnerOrClient<RunEnd>(
    dataDir,
    { version, signal },
    {
      owner: () => runAsOwner(options, submission, watch),
      // An owner that is told to stop hangs up, and the run goes to whoever owns the data directory next.
      client: (client) => client.submit<Submission, RunEvent, RunEnd>(submission, watch, signal),
    },
  );
  return outcomeOf(lakeOf(dataDir, submission.pipeline.metadata.name), end);
}

/** Starts the controller, and ends it when this run and those that other commands brought meanwhile have ended. */
async function runAsOwner(
  options: ControllerOptions,
  submission: Submission,
  watch: (event: RunEvent) => void,
): Promise<RunEnd> {
  const ready = Promise.withResolvers<RunSubmission>();
  ready.promise.catch(() => undefined);
  // Others are answered from the start, though their runs begin only when everything is up.
  const server = await serveOwner<Submission, RunEvent, RunEnd>(options.dataDir, {
    version,
    submit: async (other, emit, signal) => (await ready.promise)(other, emit, signal),
  });
  let controller: Controller | undefined;
  try {
    controller = await startController(options);
    const run = await openRuns(controller);
    ready.resolve(run);
    const end = await run(submission, watch, options.signal);
    await server.drain();
    return end;
  } catch (error) {
    ready.reject(error);
    throw error;
  } finally {
    await server.close();
    await controller?.stop();
  }
}

async function openRuns(controller: Controller): Promise<RunSubmission> {
  const interrupted = await interruptedRuns(controller);
  return async (submission, watch, signal) => {
    const { run, resumed } = await submit(controller, submission, interrupted);
    if (resumed) watch({ type: 'resumed', run });
    const ended = await Promise.race([controller.follow(run, watch), rejectOn(signal)]);
    return { run, message: ended.status?.conditions?.[0]?.message ?? 'it ended without a report' };
  };
}

const rejectOn = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });

async function outcomeOf(lake: Lake, { run, message }: RunEnd): Promise<RunOutcome> {
  const report = await lake.store.get(layout.runReport(run));
  if (!report) throw new TerminalError('RunFailed', `${run}: ${message}`);
  const manifests = (await listManifests(lake)).filter((manifest) => manifest.run === run);
  return { report: JSON.parse(report.toString('utf8')) as RunReport, manifests };
}

/** A pipeline's part of a data directory's lake. */
export function lakeOf(dataDir: string, pipeline: string): Lake {
  const name = `${namespace}/${pipeline}`;
  return { store: prefixed(filesystemStore(join(dataDir, 'lake')), name), pipeline: name };
}
