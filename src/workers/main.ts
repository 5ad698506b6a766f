import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { secretReader } from '../controller/standalone/secrets.ts';
import { createLogger } from '../observability/log.ts';
import { createMetrics } from '../observability/metrics.ts';
import { serveHttp } from '../observability/serve.ts';
import { stepMeter } from '../observability/stepMeter.ts';
import { busyBeatMs, openBusy } from '../queue/busy.ts';
import { connect } from '../queue/connection.ts';
import { openLimits } from '../queue/limits.ts';
import type { ConnectedConfig, FromWorker, ServeMessage, ToWorker, WorkerConfig } from './config.ts';
import { crashPoints } from './crash.ts';
import { openHealth } from './health.ts';
import { workerName } from './name.ts';
import { type Server, serve } from './serve.ts';
import { openStages } from './stages.ts';

/**
 * A worker process: one pool's queues, for every pipeline it is told to serve. On one machine it is told over IPC, and
 * ends with its parent; in a pod it knows from its config, and ends with SIGTERM.
 */
const config = readConfig();
const secrets = secretReader({
  env: process.env,
  ...(config.secretsDir === undefined ? {} : { secretsDir: config.secretsDir }),
});
const log = createLogger({ name: `worker-${config.pool}`, redact: secrets.redact });
const redis = connect(config.redis);
redis.on('error', (error) => log.debug(`Redis: ${error.message}`)); // the controller says once that it is away
const { close, ...abilities } = await openStages(config).catch(cannotStart);
const worker = workerName(process.env.POD_NAME ?? hostname(), process.pid, Date.now());
const healthPort = process.env.JOBPULSE_HEALTH_PORT;
const metrics = createMetrics({ served: healthPort !== undefined });
const busy = openBusy(redis, config.namespace, config.pool, worker);
const meter = stepMeter(metrics, config.namespace, config.pool);
const limits = openLimits(redis, config.namespace, worker, meter.asking);
const place = {
  namespace: config.namespace,
  worker,
  redis,
  meter,
  busy,
  ...abilities,
  scratch: config.scratch,
  secret: secrets.read,
  redact: secrets.redact,
  allowPrivateNetworks: config.allowPrivateNetworks,
  limits,
  crashPoint: crashPoints(process.env),
  log,
};

/** How long running steps may take to end when everything ends; then their jobs go back. */
const graceMs = (config.graceSeconds ?? 20) * 1000;

const servers = new Map<string, Server>();
let ending = false;
let leaving: Promise<void> | undefined;
const health = openHealth({
  redis,
  isServing: () => [...servers.values()].every((server) => server.isRunning()),
  isEnding: () => ending,
  now: () => performance.now(),
});
process.on('message', (message: ToWorker) => {
  if (message.type === 'retire') void end();
  if (message.type === 'serve') serveAll(message.pipelines);
});
// Nobody is left to report to, and the next owner needs the warehouse: end at once, even inside a query.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C reaches the whole group; a parent, if there is one, decides when we stop.
process.on('SIGINT', () => (process.send ? undefined : end(graceMs)));
process.once('SIGTERM', () => end(graceMs));
setInterval(() => {
  busy.beat();
  health.beat();
  tellParent({ type: 'beat' });
}, busyBeatMs).unref();
if (config.pool === 'extract') limits.prepare().catch(() => undefined); // then the first request waits a little
serveAll(config.pipelines ?? []);
if (healthPort) await answerProbes(Number(healthPort)).catch(cannotStart);
tellParent({ type: 'ready', name: worker });

/** A config that cannot be used is a mistake of whoever started this, and said in one line. */
function readConfig(): ConnectedConfig {
  const text = process.env.JOBPULSE_WORKER;
  if (text === undefined)
    return endWith('jobpulse worker: JOBPULSE_WORKER is not set; workers are started by the controller', 2);
  try {
    const config = JSON.parse(text) as WorkerConfig;
    if (!('urlFile' in config.redis)) return { ...config, redis: config.redis };
    return { ...config, redis: { url: readFileSync(config.redis.urlFile, 'utf8').trim() } };
  } catch (error) {
    return endWith(`jobpulse worker: ${error instanceof Error ? error.message : String(error)}`, 2);
  }
}

/** One line says why; whoever started this passes it on. */
function cannotStart(error: unknown): never {
  return endWith(secrets.redact(error instanceof Error ? error.message : String(error)), 1);
}

function endWith(why: string, exitCode: number): never {
  process.stderr.write(`${why}\n`);
  process.exit(exitCode);
}

function serveAll(pipelines: ServeMessage['pipelines']): void {
  if (ending) return;
  for (const { name, filesRoot } of pipelines) {
    if (!servers.has(name)) servers.set(name, serve(place, config, name, filesRoot));
  }
}

async function answerProbes(port: number): Promise<void> {
  await serveHttp({ ...{ port, metrics }, live: health.live, ready: health.ready });
}

function tellParent(message: FromWorker): void {
  process.send?.(message);
}

/** Ends this process when its steps have ended; a second call can only make it sooner. */
async function end(grace?: number): Promise<void> {
  ending = true;
  // While Redis is away no job can be given back: waiting for that would only delay the end.
  const isPointless = grace !== undefined && redis.status !== 'ready';
  if (!isPointless) await Promise.all([...servers.values()].map((server) => server.close(grace)));
  leaving ??= close().then(() => {
    redis.disconnect();
    process.exit(0);
  });
  await leaving;
}
