import { CliError, exitCodes } from './exit.ts';

/** The first Ctrl-C (or SIGTERM) asks for an orderly end; the second ends at once. `told`: what the first one does. */
export function onInterrupt(told = 'running steps are brought to an end'): AbortSignal {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    process.stderr.write(`\ninterrupted: ${told} (again: stop at once)\n`);
    controller.abort(new CliError(exitCodes.interrupted, 'interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return controller.signal;
}
