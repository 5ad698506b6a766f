/**
 * A command that needs a data directory, as small as it can be: `<dataDir> <run> <milliseconds of work> [version]`.
 * Prints one JSON line with who did its work; tells on standard error when another process begins with it.
 */
import { closeSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveOwner } from '../../../src/controller/standalone/owner.ts';
import { asOwnerOrClient } from '../../../src/controller/standalone/ownership.ts';

interface Request {
  readonly run: string;
  readonly workMs: number;
}
interface Result {
  readonly run: string;
  /** Process id of the owner that did the work. */
  readonly by: number;
}

const [dataDir = '', run = '', workMs = '0', version = '1.0.0'] = process.argv.slice(2);
const signal = new AbortController().signal;
const request: Request = { run, workMs: Number(workMs) };

async function work({ run, workMs }: Request, aborted: AbortSignal): Promise<Result> {
  await sleep(workMs, undefined, { signal: aborted });
  return { run, by: process.pid };
}

/** Two owners at once would both need this file; only the absence of kill -9 makes it a fair check. */
const proof = join(dataDir, 'owned-by-one');

async function own(): Promise<Result> {
  closeSync(openSync(proof, 'wx'));
  const server = await serveOwner<Request, { readonly started: string }, Result>(dataDir, {
    version,
    submit: (other, emit, aborted) => {
      emit({ started: other.run });
      return work(other, aborted);
    },
  });
  try {
    return await work(request, signal);
  } finally {
    await server.drain();
    await server.close();
    rmSync(proof);
  }
}

const reportStart = () => process.stderr.write('started elsewhere\n');

try {
  const result = await asOwnerOrClient<Result>(
    dataDir,
    { version, signal },
    { owner: own, client: (client) => client.submit<Request, unknown, Result>(request, reportStart, signal) },
  );
  process.stdout.write(`${JSON.stringify(result)}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 4;
}
