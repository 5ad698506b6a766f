import { runProgram } from './program.ts';
import type { Verb } from './verb.ts';

/** What containers run is loaded alone: with all the other verbs it takes twice the time to start, and 40 MB more. */
const alone: Readonly<Record<string, () => Promise<Verb>>> = {
  worker: async () => (await import('./worker.ts')).worker,
  controller: async () => (await import('./controller.ts')).controller,
};

const verb = alone[process.argv[2] ?? ''];
await runProgram({
  name: 'jobpulse',
  description: 'Labour-market data pipelines: extract, clean, load and transform, on this machine or in a cluster.',
  home: 'machine',
  verbs: verb ? [await verb()] : (await import('./index.ts')).verbs,
});
