import { type Lake, listManifests } from '../../lake/lake.ts';
import { layout } from '../../lake/layout.ts';
import { TerminalError } from '../../run/errors.ts';
import type { RunReport } from '../../run/report.ts';
import type { Manifest } from '../../run/types.ts';
import { version } from '../../version.ts';
import type { ControllerOptions } from './controller.ts';
import { InterruptedError, leftOver, watched } from './interrupted.ts';
import { lakeOf } from './lake.ts';
import { actAsOwner, answerWith, type Begin } from './own.ts';
import { connectOwner, type OwnerClient, OwnerLostError, untilGone } from './owner-client.ts';
import { asOwnerOrClient, checkVersion } from './ownership.ts';
import { interruptedRuns, type RunEnd, type RunEvent, runSubmission, type Submission } from './submit.ts';

export interface RunOutcome {
  readonly report: RunReport;
  /** What this run published. */
  readonly manifests: readonly Manifest[];
}

/**
 * Runs a submission on this machine: as the owner of the data directory, or through the process that owns it.
 * Rejects with an InterruptedError when the signal ends it.
 */
export async function runHere(
  options: ControllerOptions,
  submission: Submission,
  watch: (event: RunEvent) => void,
): Promise<RunOutcome> {
  const { dataDir, signal } = options;
  const lake = lakeOf(dataDir, submission.pipeline.metadata.name);
  const seen = watched(submission.run, watch);
  const end = await asOwnerOrClient<RunEnd>(
    dataDir,
    { version, signal },
    {
      owner: () => runAsOwner(options, submission, seen.watch),
      client: (client) => runThrough(client, dataDir, submission, seen.watch, signal),
    },
  ).catch(async (error: unknown) => {
    throw signal.aborted ? new InterruptedError(await leftOver(dataDir, lake, seen.sight())) : error;
  });
  return outcomeOf(lake, end);
}

/**
 * Has the owner do it. One that is told to stop hangs up, and the run goes to whoever owns the data directory next;
 * the end of one that has other settings is waited for.
 */
async function runThrough(
  client: OwnerClient,
  dataDir: string,
  submission: Submission,
  watch: (event: RunEvent) => void,
  signal: AbortSignal,
): Promise<RunEnd> {
  try {
    return await client.submit<Submission, RunEvent, RunEnd>(submission, watch, signal);
  } catch (error) {
    const differs = error instanceof TerminalError && error.reason === 'OwnerDiffers';
    if (!differs || client.hello.lasting) throw error;
    watch({ type: 'waiting', message: error.message });
    await untilGone(dataDir, client.hello, signal);
    throw new OwnerLostError(error.message);
  }
}

/** Has a process that does not end, if one owns the data directory, begin a run; tells its name, and does not wait. */
export async function beginThere(
  dataDir: string,
  submission: Submission,
  signal: AbortSignal,
): Promise<string | undefined> {
  const client = await connectOwner(dataDir);
  if (!client?.hello.lasting || client.hello.closing) return undefined;
  checkVersion(dataDir, client, version);
  return (await client.submit<Begin, never, RunEnd>({ begin: submission }, () => undefined, signal)).run;
}

/** Ends when this run and those that other commands brought meanwhile have ended. */
const runAsOwner = (
  options: ControllerOptions,
  submission: Submission,
  watch: (event: RunEvent) => void,
): Promise<RunEnd> =>
  actAsOwner({ ...options, lasting: false }, async ({ controller, accept, drain }) => {
    const interrupted = await interruptedRuns(controller);
    accept(answerWith(options, controller, interrupted));
    const end = await runSubmission(controller, submission, interrupted, watch, options.signal);
    await drain();
    return end;
  });

async function outcomeOf(lake: Lake, end: RunEnd): Promise<RunOutcome> {
  const report = await reportOf(lake, end);
  const manifests = (await listManifests(lake)).filter((manifest) => manifest.run === end.run);
  return { report, manifests };
}

/** The report of a run that has ended, from the lake; without one, an error that says why. */
export async function reportOf(lake: Lake, { run, message }: RunEnd): Promise<RunReport> {
  const report = await lake.store.get(layout.runReport(run));
  if (!report) throw new TerminalError('RunFailed', `${run}: ${message}`);
  return JSON.parse(report.toString('utf8')) as RunReport;
}
