/** A process with a pool of two workers, to be killed. */
import { join } from 'node:path';
import { pino } from 'pino';
import { startPool } from '../../../src/controller/standalone/processes.ts';

startPool({
  name: 'test',
  size: 2,
  command: [process.execPath, join(import.meta.dirname, 'poolWorker.ts')],
  env: process.env,
  log: pino({ level: 'silent' }),
  onReady: () => undefined,
  onGivenUp: (error) => process.stderr.write(`${error.message}\n`),
});
