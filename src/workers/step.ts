import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { parseDuration } from '../api/parseUnits.ts';
import type { Limits } from '../connectors/http/limiter.ts';
import type { Store } from '../connectors/stores/store.ts';
import { getSpec, type Lake, manifestDigest, manifestPath, publish, readManifest, readNamed } from '../lake/lake.ts';
import type { StepMeter } from '../observability/stepMeter.ts';
import type { BusyWorker } from '../queue/busy.ts';
import { tell, type WorkEvent } from '../queue/events.ts';
import { acquire, holding, type Lease } from '../queue/lease.ts';
import { redisKeys } from '../queue/names.ts';
import type { StepPayload } from '../queue/payload.ts';
import { TerminalError, TransientError } from '../run/errors.ts';
import type { StageSpec } from '../run/specs.ts';
import type { Manifest, Step, StepResult } from '../run/types.ts';
import { versions } from '../version.ts';
import type { ReadSecret, Stage, StageContext } from './stage.ts';
import type { Abilities } from './stages.ts';

/** What a worker process offers to every step it runs. */
export interface Workplace {
  readonly namespace: string;
  /** Name of this process among the holders of leases. */
  readonly worker: string;
  readonly redis: Redis;
  /** Counts what is done here. */
  readonly meter: StepMeter;
  /** Shows others whether there is work under way here. */
  readonly busy: BusyWorker;
  readonly stages: Abilities['stages'];
  readonly plan?: Abilities['plan'];
  readonly scratch: string;
  readonly secret: ReadSecret;
  /** Takes the values of secrets out of a text that leaves this process. */
  readonly redact: (text: string) => string;
  readonly allowPrivateNetworks: boolean;
  readonly limits: Limits;
  readonly crashPoint: (name: string) => void;
  readonly log: Logger;
}

/** A pipeline a worker serves. */
export interface Served {
  readonly lake: Lake;
  /** What all pipelines of the namespace have of the lake. */
  readonly shared: Store;
  readonly filesRoot: string;
}

/** What became of a job: `busy` = another worker has the lease, try again in a second. */
export type StepOutcome = 'published' | 'alreadyPublished' | 'busy';

/** Longest time of a step whose spec says nothing. */
const defaultTimeoutMs = 30 * 60_000;

/**
 * Runs one step: nothing when its manifest is published; else under its lease, from its spec and its inputs,
 * to a published manifest. Whoever else does the same at the same time does no harm.
 */
export async function runStep(
  place: Workplace,
  served: Served,
  payload: StepPayload,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { step } = payload;
  const leaseKey = redisKeys.stepLease(place.namespace, step.key);
  // Each attempt has a name of its own: after a wipe this process may be given the same step again while it is at it.
  const attempt = `${place.worker}.${randomUUID()}`;
  const fenceKey = redisKeys.fence(place.namespace);
  const lease = await place.meter.asking(() => acquire(place.redis, leaseKey, fenceKey, attempt));
  if (!lease) return 'busy';
  const renewed = () => place.crashPoint('in-lease-renewal');
  return holding(place.redis, lease, signal, (held) => underLease(place, served, payload, lease, held), renewed);
}

async function underLease(
  place: Workplace,
  served: Served,
  payload: StepPayload,
  lease: Lease,
  held: AbortSignal,
): Promise<StepOutcome> {
  const { step, run } = payload;
  const { lake } = served;
  if (await readManifest(lake, manifestPath(step))) return 'alreadyPublished';
  const startedAt = new Date();
  const spec = (await getSpec(lake, step.spec)) as StageSpec;
  const timeout = AbortSignal.timeout(timeoutOf(spec));
  const signal = AbortSignal.any([held, timeout]);
  const inputs = await readInputs(lake, payload);
  tellQuietly(place, { type: 'started', run, dataset: step.dataset, stage: step.stage });
  const work = { ...contextOf(place, served, payload), spec: spec as never, inputs, signal };
  const result = await inScratch(place, step, work, stageOf(place, step)).catch((error: unknown) => {
    if (held.aborted) throw held.reason;
    if (timeout.aborted)
      throw new TransientError(`${step.stage} of ${step.dataset} took longer than ${timeoutOf(spec)} ms`);
    throw error;
  });
  held.throwIfAborted();
  const manifest = toManifest(payload, lease.fence, inputs, result, startedAt);
  const published = await publish(lake, manifest);
  const { partitions: _, schema: __, inputs: ___, ...ledger } = published;
  tellQuietly(place, { type: 'published', run, manifest: ledger });
  return 'published';
}

function contextOf(place: Workplace, served: Served, { run, asOf, step }: StepPayload) {
  return {
    step,
    run: { name: run, asOf },
    lake: served.lake,
    shared: served.shared,
    filesRoot: served.filesRoot,
    secret: place.secret,
    allowPrivateNetworks: place.allowPrivateNetworks,
    limits: place.limits,
    crashPoint: place.crashPoint,
    log: place.log.child({ run, dataset: step.dataset, stage: step.stage, key: step.key }),
    progress: (message) =>
      tellQuietly(place, { type: 'progress', run, dataset: step.dataset, stage: step.stage, message }),
  } satisfies Partial<StageContext<StageSpec>>;
}

const timeoutOf = (spec: StageSpec): number =>
  spec.stage === 'Extract' ? parseDuration(spec.extract.timeout) : defaultTimeoutMs;

function stageOf(place: Workplace, step: Step): Stage<never> {
  const stage = place.stages[step.stage];
  if (!stage)
    throw new TerminalError('WrongPool', `a ${step.stage} step came to a worker that does not do ${step.stage}`);
  return stage;
}

async function readInputs(lake: Lake, payload: StepPayload): Promise<Manifest[]> {
  const paths = payload.inputsAt ? ((await getSpec(lake, payload.inputsAt)) as string[]) : payload.step.inputs;
  return (await readNamed(lake, paths)).map((manifest, at) => {
    if (manifest) return manifest;
    throw new TerminalError('InputMissing', `${paths[at]} is not in the lake; run again to plan anew`);
  });
}

/** Runs a stage with a folder of the step's own, made when it is first asked for: many steps need none. */
async function inScratch(
  place: Workplace,
  step: Step,
  work: Omit<StageContext<never>, 'scratch'>,
  stage: Stage<never>,
): Promise<StepResult> {
  let folder: string | undefined;
  const context: StageContext<never> = Object.defineProperty({ ...work, scratch: '' }, 'scratch', {
    get: () => {
      folder ??= makeFolder(join(place.scratch, `${step.key}-${randomUUID()}`));
      return folder;
    },
  });
  try {
    return await stage(context);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

function makeFolder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

function toManifest(
  { run, step }: StepPayload,
  epoch: number,
  inputs: readonly Manifest[],
  result: StepResult,
  startedAt: Date,
): Manifest {
  const { key, stage, dataset, slice, part, spec } = step;
  return {
    ...{ v: 1, key, stage, dataset, run, epoch, slice, part, spec },
    inputs: inputs.map(manifestDigest),
    complete: true,
    partitions: [],
    schema: [],
    cost: { requests: 0, bytes: 0, credits: 0 },
    ...result,
    versions,
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
  };
}

/** Tells the namespace; nobody waits for it, and nothing depends on it. */
export const tellQuietly = (place: Workplace, event: WorkEvent): void => {
  tell(place.redis, place.namespace, event).catch(() => undefined);
};
