import type { Logger } from 'pino';
import { instrumentation, watchEventLoop } from '../../observability/instrument.ts';
import { createMetrics } from '../../observability/metrics.ts';
import { serveHttp } from '../../observability/serve.ts';
import { exposeView } from '../../observability/view.ts';
import { connect, type RedisAddress } from '../../queue/connection.ts';
import { TerminalError } from '../../run/errors.ts';
import type { KubeApi, Leadership } from './api.ts';
import { type Caches, startCaches } from './caches.ts';
import type { Installation } from './installation.ts';
import { type Reign, startReign } from './lead.ts';
import { campaign } from './leader.ts';
import { leadersApi } from './leadersApi.ts';
import { openRecorder } from './recorder.ts';

export interface ControllerOptions {
  readonly api: KubeApi;
  /** Namespaces whose Pipelines are looked after; all when absent. */
  readonly namespaces: readonly string[] | undefined;
  readonly installation: Installation;
  readonly redis: RedisAddress;
  /** Where the Lease is by which controllers of an installation agree on a leader. */
  readonly leaseNamespace: string;
  /** How long a leader that says nothing leads on; see `campaign`. */
  readonly leaseSeconds?: number;
  /** How long a watch may say nothing; see `InformerContext`. */
  readonly watchSeconds?: number;
  /** Of this process among them. */
  readonly identity: string;
  /** Port of probes and metrics; none when absent. */
  readonly port: number | undefined;
  readonly log: Logger;
}

/** The caches may be behind by this much before the process is taken to be stuck: bookmarks come once a minute. */
const deafMs = 10 * 60_000;

/**
 * Runs a controller until the signal aborts, or leadership is lost. Everyone keeps caches; only the leader writes, and
 * one that led and does not any more ends: what it has under way is not worth taking apart.
 */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { installation, identity, leaseNamespace, leaseSeconds, redis, log } = options;
  const metrics = createMetrics({ served: true });
  const instruments = instrumentation(metrics);
  const api = instruments.api(options.api);
  const caches = openCaches({ ...options, api }, instruments.watch);
  const commands = connect(redis);
  const events = connect(redis);
  for (const each of [commands, events]) each.on('error', (error) => log.debug(`Redis: ${error.message}`));
  const recorder = openRecorder(api, {
    component: 'jobpulse-controller',
    instance: identity,
    now: Date.now,
    log,
    onDropped: instruments.eventDropped,
  });
  let reign: Reign | undefined;
  exposeView(metrics, {
    pipelines: () => reign?.view.pipelines() ?? [],
    queues: () => reign?.view.queues() ?? [],
    pools: () => reign?.view.pools() ?? [],
  });
  const stopWatching = watchEventLoop(metrics);
  const server = await serve(options, metrics, caches);
  try {
    await Promise.race([caches.synced, aborted(signal)]);
    if (signal.aborted) return;
    const lease = { namespace: leaseNamespace, name: `jobpulse-${installation.id}` };
    const leadership = await campaign({ ...lease, api, identity, log, ...(leaseSeconds && { leaseSeconds }) }, signal);
    instruments.leads(true);
    reign = startReign({
      ...{ caches, installation, recorder, metrics, instruments, log },
      api: leadersApi(api, leadership.lost),
      redis: { commands, events },
      epoch: leadership.epoch,
      now: () => new Date(),
    });
    await Promise.race([aborted(signal), aborted(leadership.lost)]);
    await stepDown(leadership, reign);
    if (leadership.lost.aborted) throw leadershipLost(identity);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stopWatching();
    await recorder.stop();
    await caches.stop();
    commands.disconnect();
    events.disconnect();
    await server?.close();
  }
}

/** Longest time that what is under way may take before the lease is given back all the same. */
const stepDownMs = 10_000;

async function stepDown(leadership: Leadership, reign: Reign): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, stepDownMs).unref());
  await Promise.race([reign.stop(), late]);
  await leadership.release();
}

const leadershipLost = (identity: string): TerminalError =>
  new TerminalError('LeadershipLost', `${identity} does not lead any more, and ends; another controller goes on`);

const openCaches = (
  { api, namespaces, installation, watchSeconds, log }: ControllerOptions,
  watch: (kind: string) => () => void,
): Caches =>
  startCaches({
    ...{ api, namespaces },
    pipelineSelector: installation.pipelineSelector,
    context: (kind) => ({
      ...{ now: Date.now, log, onRestart: watch(kind) },
      ...(watchSeconds !== undefined && { idleMs: watchSeconds * 1000 }),
    }),
  });

function serve({ port }: ControllerOptions, metrics: ReturnType<typeof createMetrics>, caches: Caches) {
  if (port === undefined) return undefined;
  let isSynced = false;
  void caches.synced.then(() => {
    isSynced = true;
  });
  return serveHttp({
    ...{ port, metrics },
    live: () =>
      isSynced && Date.now() - caches.heardAt() > deafMs ? 'nothing was heard of the API server' : undefined,
    ready: () => (isSynced ? undefined : 'the caches are not filled yet'),
  });
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
