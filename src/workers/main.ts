import { hostname } from 'node:os';
import { secretReader } from '../controller/standalone/secrets.ts';
import { createLogger } from '../observability/log.ts';
import { busyBeatMs, openBusy } from '../queue/busy.ts';
import { connect } from '../queue/connection.ts';
import type { FromWorker, ToWorker, WorkerConfig } from './config.ts';
import { crashPoints } from './crash.ts';
import { type Server, serve } from './serve.ts';
import { openStages } from './stages.ts';

/** A worker process: one pool's queues, for every pipeline it is told to serve. Ends with its parent. */
const config = JSON.parse(process.env.JOBPULSE_WORKER ?? 'null') as WorkerConfig | null;
if (!config) {
  process.stderr.write('jobpulse worker: JOBPULSE_WORKER is not set; workers are started by the controller\n');
  process.exit(2);
}

const secrets = secretReader({
  env: process.env,
  ...(config.secretsDir === undefined ? {} : { secretsDir: config.secretsDir }),
});
const log = createLogger({ name: `worker-${config.pool}`, redact: secrets.redact });
const redis = connect(config.redis);
redis.on('error', (error) => log.debug(`Redis: ${error.message}`)); // the controller says once that it is away
const { close, ...abilities } = await openStages(config).catch(cannotStart);
const worker = `${hostname()}.${process.pid}.${Date.now()}`;
const busy = openBusy(redis, config.namespace, config.pool, worker);
const place = {
  namespace: config.namespace,
  worker,
  redis,
  busy,
  ...abilities,
  scratch: config.scratch,
  secret: secrets.read,
  redact: secrets.redact,
  allowPrivateNetworks: config.allowPrivateNetworks,
  crashPoint: crashPoints(process.env),
  log,
};

/** How long running steps may take to end when everything ends; then their jobs go back. */
const graceMs = 20_000;

const servers = new Map<string, Server>();
let ending = false;
let leaving: Promise<void> | undefined;
process.on('message', (message: ToWorker) => {
  if (message.type === 'retire') void end();
  if (message.type !== 'serve' || ending) return;
  for (const { name, filesRoot } of message.pipelines) {
    if (!servers.has(name)) servers.set(name, serve(place, config, name, filesRoot));
  }
});
// Nobody is left to report to, and the next owner needs the warehouse: end at once, even inside a query.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the controller decides when we stop
process.once('SIGTERM', () => end(graceMs));
setInterval(() => {
  busy.beat();
  tellParent({ type: 'beat' });
}, busyBeatMs).unref();
tellParent({ type: 'ready', name: worker });

/** One line says why; the controller passes it on. */
function cannotStart(error: unknown): never {
  process.stderr.write(`${secrets.redact(error instanceof Error ? error.message : String(error))}\n`);
  process.exit(1);
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
