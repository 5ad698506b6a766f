import { hostname } from 'node:os';
import { secretReader } from '../controller/standalone/secrets.ts';
import { createLogger } from '../observability/log.ts';
import { connect, patient } from '../queue/connection.ts';
import type { ServeMessage, WorkerConfig } from './config.ts';
import { crashPoints } from './crash.ts';
import { serve } from './serve.ts';
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
const redis = connect(config.redis, patient);
redis.on('error', (error) => log.debug(`Redis: ${error.message}`)); // the controller says once that it is away
const { close, ...abilities } = await openStages(config);
const place = {
  namespace: config.namespace,
  worker: `${hostname()}.${process.pid}.${Date.now()}`,
  redis,
  ...abilities,
  scratch: config.scratch,
  secret: secrets.read,
  redact: secrets.redact,
  allowPrivateNetworks: config.allowPrivateNetworks,
  crashPoint: crashPoints(process.env),
  log,
};

const servers = new Map<string, { close(): Promise<void> }>();
process.on('message', (message: ServeMessage) => {
  for (const { name, filesRoot } of message.type === 'serve' ? message.pipelines : []) {
    if (!servers.has(name)) servers.set(name, serve(place, config, name, filesRoot));
  }
});
// Nobody is left to report to, and the next owner needs the warehouse: end at once, even inside a query.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole group; the controller decides when we stop
process.once('SIGTERM', async () => {
  // While Redis is away no job can be given back, and waiting for it would only delay the end.
  if (redis.status === 'ready') await Promise.all([...servers.values()].map((server) => server.close()));
  await close();
  redis.disconnect();
  process.exit(0);
});
setInterval(() => process.send?.({ type: 'beat' }), 2000).unref();
process.send?.({ type: 'ready' });
