import { join } from 'node:path';

/** The file of the worker process: the one beside this; in a bundle, where all modules are one folder of JavaScript, its own. */
export const workerProgram = join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? 'main.ts' : 'worker.js');
