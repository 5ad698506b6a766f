import type { PipelineRun } from '../../api/index.ts';
import { TerminalError } from '../../run/errors.ts';
import { version } from '../../version.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { differences } from './needs.ts';
import { type Hello, serveOwner } from './owner.ts';
import { isSteering, type Steering, steer } from './steer.ts';
import { type RunEnd, type RunEvent, runSubmission, type Submission, submit } from './submit.ts';

/** What another command can ask the owner of a data directory for. */
export type OwnerRequest = Submission | Steering | Begin;

/** Asks an owner that does not end for a run, without waiting for it. */
export interface Begin {
  readonly begin: Submission;
}

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
    if (isSteering(request)) {
      await steer(controller.resources, request);
      return null;
    }
    if ('begin' in request) {
      checkNeeds(options, request.begin);
      const { run } = await submit(controller, request.begin, interrupted);
      return { run, message: 'begun' };
    }
    checkNeeds(options, request);
    return runSubmission(controller, request, interrupted, watch, signal);
  };

function checkNeeds(options: ControllerOptions, { needs }: Submission): void {
  const [first] = differences(options, needs);
  if (first !== undefined) throw differs(options.dataDir, first);
}

const differs = (dataDir: string, difference: string): TerminalError =>
  new TerminalError(
    'OwnerDiffers',
    `process ${process.pid} works on ${dataDir} with other settings than this run needs (${difference}); ` +
      `start it with the same, stop it with \`kill ${process.pid}\`, or use another --data-dir`,
  );
