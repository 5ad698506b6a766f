import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Pipeline, PipelineRun } from '../../api/index.ts';
import { connect } from '../../queue/connection.ts';
import type { WorkEvent } from '../../queue/events.ts';
import { openLoads } from '../../queue/load.ts';
import { openWaves, type Waves } from '../../queue/waves.ts';
import { alertSender } from '../alerts/send.ts';
import { pausedAnnotation } from '../schedule.ts';
import type { World } from '../world.ts';
import { keepAlerts } from './alerts.ts';
import { filesRootAnnotation } from './annotations.ts';
import { cacheFolder } from './folders.ts';
import { installationId, serverIdentity, warehouseFile } from './identities.ts';
import { lakePlace } from './lake.ts';
import { type Loop, startLoop } from './loop.ts';
import { namespace } from './namespace.ts';
import { provideRedis, type RedisHandle } from './redis.ts';
import { openResources, type Resources } from './resources.ts';
import { secretReader } from './secrets.ts';
import { keepStatuses } from './statuses.ts';
import { startWorkers, type Workers } from './workers.ts';

export interface ControllerOptions {
  readonly dataDir: string;
  readonly log: Logger;
  readonly secretsDir?: string;
  readonly allowPrivateNetworks: boolean;
  readonly signal: AbortSignal;
  /** Time as the autoscaler sees it, in milliseconds since 1970. Default: the clock of this machine. */
  readonly now?: () => number;
  /** Told of all that workers do, whoever asked for it. */
  readonly onEvent?: (event: WorkEvent) => void;
}

/** The controller of a data directory: the same reconciler as in a cluster, over local processes and files. */
export interface Controller {
  readonly resources: Resources;
  /** Serves a pipeline from now on; `filesRoot` is where its relative paths begin. */
  apply(pipeline: Pipeline, filesRoot: string): Promise<void>;
  /** Settles when the run has ended; rejects when it cannot go on here (its state is kept). */
  follow(run: string, watch: (event: WorkEvent) => void): Promise<PipelineRun>;
  /** The pools of workers as they are, with the last decision about each. */
  pools(): ReturnType<Workers['pools']>;
  /** Settles, with why, when nothing goes on any more because the workers or the private Redis do not stay up. */
  readonly lost: Promise<Error>;
  /** Lets running steps end, then stops the workers and the private Redis. */
  stop(): Promise<void>;
}

/** Starts everything a data directory needs; the caller must own it. */
export async function startController(options: ControllerOptions): Promise<Controller> {
  const { dataDir, log, secretsDir, allowPrivateNetworks } = options;
  const resources = openResources(dataDir, namespace, 'Owner');
  const lost = Promise.withResolvers<Error>();
  const giveUp = (error: Error): void => {
    lost.resolve(error);
    loop.giveUp(error);
  };
  const warehouse = warehouseFile(dataDir);
  const secret = secretReader({ env: process.env, ...(secretsDir === undefined ? {} : { secretsDir }) }).read;
  const identities = {
    installation: installationId(dataDir),
    warehouse: (pipeline: Pipeline) => serverIdentity(pipeline, secret) ?? warehouse.identity,
  };
  const redis = await keepRedis(options, giveUp);
  const commands = connect(redis.connection);
  const events = connect(redis.connection);
  for (const each of [commands, events]) each.on('error', (error) => log.debug(`Redis: ${error.message}`));
  // Left by an owner before us: jobs and leases of workers that ended with it. What is missing is planned anew, at once
  // instead of when those run out.
  if (redis.kind === 'private') await commands.flushall();
  const waves = openWaves(commands, namespace);
  const world = standaloneWorld(resources, waves, identities);
  const observe = (event: WorkEvent | undefined): void => {
    workers.observe(event);
    statuses.observe();
    if (event) options.onEvent?.(event);
  };
  const loop: Loop = startLoop({ world, runs: resources.runs.list, redis: events, observe, log });
  const workers = startWorkers({
    ...{ namespace, log, allowPrivateNetworks, redis: redis.connection, warehouse: warehouse.path },
    ...(secretsDir === undefined ? {} : { secretsDir }),
    lake: lakePlace(dataDir),
    scratch: join(dataDir, 'scratch'),
    ...{ commands, now: options.now ?? Date.now },
    onGivenUp: giveUp,
  });
  const served = new Set<string>();
  const loads = openLoads(commands, namespace);
  const statuses = keepStatuses({ dataDir, resources, served, loads, pools: workers.pools, log });
  const alerts = keepAlerts({ dataDir, resources, served, secret, send: alertSender(allowPrivateNetworks), log });
  return {
    resources,
    apply: async (pipeline, filesRoot) => {
      const { name } = pipeline.metadata;
      await applyPipeline(resources, pipeline, filesRoot);
      served.add(name);
      workers.serve({ name, filesRoot });
    },
    follow: loop.follow,
    pools: workers.pools,
    lost: lost.promise,
    stop: async () => {
      await workers.stop(); // the loop goes on, so that those who watch see how the steps end
      await loop.stop();
      await statuses.stop();
      await alerts.stop(); // of the status as it is by now
      await waves.close();
      commands.disconnect();
      await redis.stop();
    },
  };
}

/** Stores a pipeline as its manifest is now; what was noted beside the manifest stays. */
async function applyPipeline({ pipelines }: Resources, pipeline: Pipeline, filesRoot: string): Promise<void> {
  const { metadata, spec } = pipeline;
  const annotations = { ...metadata.annotations, [filesRootAnnotation]: filesRoot };
  const creationTimestamp = new Date().toISOString();
  if (await pipelines.create({ ...pipeline, metadata: { ...metadata, annotations, creationTimestamp } })) return;
  await pipelines.update(metadata.name, (before) => {
    const paused = before.metadata.annotations?.[pausedAnnotation];
    const noted = paused === undefined ? annotations : { ...annotations, [pausedAnnotation]: paused };
    return { ...before, metadata: { ...before.metadata, annotations: noted }, spec };
  });
}

/** A private Redis that dies this often is given up. */
const mostRestarts = 20;

/** A Redis that is started again, on the same socket, when it dies; what it lost is planned again. */
async function keepRedis(
  options: ControllerOptions,
  onLost: (error: Error) => void,
): Promise<Omit<RedisHandle, 'onExit'>> {
  const start = () => provideRedis({ ...options, url: process.env.REDIS_URL, cacheDir: cacheFolder() });
  const { connection, kind, ...first } = await start();
  let current: Promise<Pick<RedisHandle, 'onExit' | 'stop'>> = Promise.resolve(first);
  let restarts = 0;
  const restart = (error: Error): void => {
    restarts += 1;
    if (restarts > mostRestarts) {
      onLost(error);
      return;
    }
    options.log.warn(`${error.message}; it is started again`);
    current = start();
    current.then((next) => next.onExit(restart), onLost);
  };
  first.onExit(restart);
  const stop = () =>
    current.then(
      (running) => running.stop(),
      () => undefined, // it did not start again
    );
  return { connection, kind, stop };
}

const standaloneWorld = (
  resources: Resources,
  waves: Waves,
  identities: Pick<World, 'installation' | 'warehouse'>,
): World => ({
  namespace,
  waves,
  ...identities,
  pipeline: resources.pipelines.get,
  run: resources.runs.get,
  writeRunStatus: (name, status) => resources.runs.update(name, (run) => ({ ...run, status })),
  now: () => new Date(),
});
