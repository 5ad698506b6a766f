import type { Verb } from './verb.ts';

/** `jobpulse worker`: what the container of a worker runs. Nobody types it, so that `--help` does not list it. */
export const worker: Verb = (program) => {
  program
    .command('worker', { hidden: true })
    .description('work on the queues that JOBPULSE_WORKER names until SIGTERM; started by the controller')
    .action(async () => {
      await import('../workers/main.ts');
    });
};
