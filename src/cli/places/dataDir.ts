import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import type { Pipeline, PipelineRun } from '../../api/index.ts';
import { secretRefsIn } from '../../controller/secretRefs.ts';
import { readAlertBook } from '../../controller/standalone/alertBook.ts';
import { filesRootAnnotation } from '../../controller/standalone/annotations.ts';
import { lakeOf } from '../../controller/standalone/lake.ts';
import { lastAlive } from '../../controller/standalone/lock.ts';
import { namespace } from '../../controller/standalone/namespace.ts';
import { connectOwner } from '../../controller/standalone/owner-client.ts';
import { openResources } from '../../controller/standalone/resources.ts';
import { secretReader } from '../../controller/standalone/secrets.ts';
import { beginThere, runHere } from '../../controller/standalone/session.ts';
import { unattendedStatus } from '../../controller/standalone/statuses.ts';
import { steerHere } from '../../controller/standalone/steer.ts';
import type { Submission } from '../../controller/standalone/submit.ts';
import type { Json } from '../../run/key.ts';
import { CliError, exitCodes } from '../exit.ts';
import { showEvent } from '../progress.ts';
import { requiredSecrets } from '../secretRefs.ts';
import { lakeAt } from './lakeAt.ts';
import type { Place, Started, StartOptions, WantedRun } from './place.ts';

export interface DataDirOptions {
  readonly dataDir: string;
  readonly secretsDir?: string;
  readonly allowPrivateNetworks: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Pipelines of this machine: read from files, steered through the process that owns the data directory if there is one. */
export function dataDirPlace(options: DataDirOptions): Place {
  const { dataDir, signal } = options;
  const resources = openResources(dataDir, namespace);
  const place: Place = {
    ...{ name: dataDir, command: (words) => `jobpulse ${words} --data-dir ${dataDir}` },
    begin: 'start one with: jobpulse run <manifest>',
    pipelines: async () => asTheyAre(dataDir, await resources.pipelines.list(), await resources.runs.list()),
    runs: resources.runs.list,
    alerts: () => readAlertBook(dataDir),
    pause: (pipeline, paused) => steerHere(dataDir, { pipeline, paused }, signal),
    setState: (run, state) => steerHere(dataDir, { run, state }, signal),
    start: (wanted, start) => startHere(options, wanted, start),
    lake: (pipeline, named) => (named === undefined ? lakeOf(dataDir, pipeline) : lakeAt(named, namespace, pipeline)),
    lakeFolder: (pipeline) => `${namespace}/${pipeline}`,
    parts: async () => (await import('../report/machine.ts')).machineParts(place, dataDir),
    mask: async () => maskOfSecrets(options, await resources.pipelines.list()),
    close: async () => undefined,
  };
  return place;
}

/** Those that pipelines name anywhere, as far as they are there. */
function maskOfSecrets({ secretsDir }: DataDirOptions, pipelines: readonly Pipeline[]): (text: string) => string {
  const secrets = secretReader({ env: process.env, ...(secretsDir === undefined ? {} : { secretsDir }) });
  const refs = pipelines.flatMap(({ spec }) => [...secretRefsIn(spec as unknown as Json)]);
  for (const ref of refs) secrets.read({ ...ref, optional: true });
  return secrets.redact;
}

/** What a process that was killed left in the files is not how things are: nobody looks after the pipelines any more. */
async function asTheyAre(
  dataDir: string,
  pipelines: readonly Pipeline[],
  runs: readonly PipelineRun[],
): Promise<readonly Pipeline[]> {
  if (pipelines.length === 0 || (await hasOwner(dataDir))) return pipelines;
  const since = lastAlive(dataDir);
  const runsOf = Map.groupBy(runs, ({ spec }) => spec.pipelineRef.name);
  return pipelines.map((pipeline) => {
    const known = runsOf.get(pipeline.metadata.name) ?? [];
    // First as it was when the process ended, so that conditions have the time of that, then as it is by now.
    const then = since && { ...pipeline, status: unattendedStatus(pipeline, { runs: known, now: since }) };
    return { ...pipeline, status: unattendedStatus(then ?? pipeline, { runs: known, now: new Date() }) };
  });
}

/** One that does not answer is there all the same. */
const hasOwner = (dataDir: string): Promise<boolean> =>
  existsSync(dataDir)
    ? connectOwner(dataDir).then(
        (client) => client !== undefined,
        () => true,
      )
    : Promise.resolve(false);

/** Where nobody is there to go on with it, a run is done here and now. */
async function startHere(options: DataDirOptions, wanted: WantedRun, start: StartOptions): Promise<Started> {
  const { dataDir, signal } = options;
  const submission = submissionOf(options, wanted);
  if (!start.wait) {
    const run = await beginThere(dataDir, submission, signal);
    if (run !== undefined) return { type: 'begun', run };
    start.progress.line(`${wanted.name}: no \`jobpulse up\` works on ${dataDir}, so this command does it to its end`);
  }
  const watch = (event: Parameters<typeof showEvent>[2]) =>
    showEvent(start.progress, wanted.pipeline.metadata.name, event);
  const { report } = await runHere(options, submission, watch);
  return { type: 'reported', report };
}

function submissionOf(options: DataDirOptions, { name, pipeline, trigger, spec }: WantedRun): Submission {
  const { status: _, ...stored } = pipeline;
  const filesRoot = pipeline.metadata.annotations?.[filesRootAnnotation];
  if (filesRoot === undefined) {
    const again = 'run its manifest once more with: jobpulse run <manifest>';
    throw new CliError(exitCodes.invalid, `where the files of ${pipeline.metadata.name} are is not known; ${again}`);
  }
  return {
    ...{ run: name, asOf: new Date().toISOString(), pipeline: stored, filesRoot, spec, trigger },
    needs: {
      secrets: requiredSecrets(pipeline, spec.from),
      allowPrivateNetworks: options.allowPrivateNetworks,
      ...(options.secretsDir === undefined ? {} : { secretsDir: resolve(options.secretsDir) }),
    },
  };
}
