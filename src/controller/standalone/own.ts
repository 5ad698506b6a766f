import type { PipelineRun } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { version } from '../../version.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { differences } from './needs.ts';
import { type Hello, serveOwner } from './owner.ts';
import { type Pause, setPaused } from './pause.ts';
import { type RunEnd, type RunEvent, runSubmission, type Submission } from './submit.ts';

/** What another command can ask the owner of a data directory for. */
export type OwnerRequest = Submission | Pause;

/** Answers requests; `null` = it is done. An abort leaves a run as it is, to be gone on with. */
export type Answer = (
  request: OwnerRequest,
  watch: (event: RunEvent) => void,
  signal: AbortSignal,
) => Promise<RunEnd | null>;

/** A data directory whose controller is up. */
export interface Owned {
  readonly controller: Controller;
  /** From now on, what other commands asked for and will ask for is answered. */
  accept(answer: Answer): void;
  /** Takes no more requests; settles when those taken are answered. */
  drain(): Promise<void>;
}

/** Starts the controller of a data directory that the caller owns, and stops it when the work has ended. */
export async function actAsOwner<Result>(
  options: ControllerOptions & Pick<Hello, 'lasting'>,
  work: (owned: Owned) => Promise<Result>,
): Promise<Result> {
  const ready = Promise.withResolvers<Answer>();
  ready.promise.catch(() => undefined);
  // Others are heard from the start, though they are answered only when everything is up.
  const server = await serveOwner<OwnerRequest, RunEvent, RunEnd | null>(options.dataDir, {
    version,
    lasting: options.lasting,
    submit: async (request, emit, signal) => (await ready.promise)(request, emit, signal),
  });
  let controller: Controller | undefined;
  try {
    // Loaded here: a command that another process works for starts without queues and workers.
    const { startController } = await import('./controller.ts');
    controller = await startController(options);
    return await work({ controller, accept: ready.resolve, drain: server.drain });
  } catch (error) {
    ready.reject(error);
    throw error;
  } finally {
    await server.hangUp();
    await controller?.stop();
    await server.close();
  }
}

/** Answers whatever another command can ask for. */
export const answerWith =
  (options: ControllerOptions, controller: Controller, interrupted: Map<string, PipelineRun>): Answer =>
  async (request, watch, signal) => {
    if ('paused' in request) {
      await setPaused(controller.resources, request);
      return null;
    }
    const [first] = differences(options, request.needs);
    if (first !== undefined) throw differs(options.dataDir, first);
    return runSubmission(controller, request, interrupted, watch, signal);
  };

const differs = (dataDir: string, difference: string): TerminalError =>
  new TerminalError(
    'OwnerDiffers',
    `process ${process.pid} works on ${dataDir} with other settings than this run needs (${difference}); ` +
      `start it with the same, stop it with \`kill ${process.pid}\`, or use another --data-dir`,
  );
