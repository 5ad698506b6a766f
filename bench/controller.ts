import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, type ControllerProcess, startCluster } from '../test/cluster/cluster.ts';
import { areReady, createHistories, createPipelines, farSchedule, fleetPipeline } from '../test/cluster/fleet.ts';
import { gaugesOf, redisConnections, settled, tally, writesOf } from '../test/cluster/gauges.ts';
import type { Api } from '../test/servers/kubernetes/api.ts';
import { timed } from './compare.ts';

/** A figure, and what it should be. */
export interface Measurement {
  readonly what: string;
  readonly found: string;
  readonly aim?: string;
}

const pipelines = Number(process.env.BENCH_PIPELINES ?? 1000);
const schedules = pipelines / 10;
const user = 'jobpulse-controller';
const patienceMs = 900_000;
const idleSeconds = 30;

/** What it takes to look after many Pipelines: on a real API server, which shares this machine with the controller. */
export async function controller(): Promise<readonly Measurement[]> {
  const cluster = await startCluster({ audit: true, withNode: false });
  const api = await cluster.plane.connect();
  const start = (identity: string) => cluster.startController(identity, { as: { user, groups: ['system:masters'] } });
  try {
    const first = await start('first');
    const created = await createAll(cluster, api, first);
    await end(first);
    await createHistories(api, created.stored);
    const full = await lookAtAll(cluster, () => start('second'), 'with full histories');
    await end(full.process);
    const again = await lookAtAll(cluster, () => start('third'), 'once more');
    const idle = await rest(cluster, again.process);
    const recovered = await loseApiServer(cluster, api, again.process);
    return [...created.found, ...full.found, ...again.found, ...idle, ...recovered];
  } finally {
    await api.close();
    await cluster.stop();
  }
}

async function createAll(cluster: Cluster, api: Api, process: ControllerProcess) {
  const schedule = farSchedule();
  const fleet = Array.from({ length: pipelines }, (_, index) =>
    fleetPipeline(index, index < schedules ? schedule : undefined),
  );
  const begun = performance.now();
  const stored = await createPipelines(api, fleet);
  const createSeconds = (performance.now() - begun) / 1000;
  await areReady(api, pipelines, patienceMs);
  const readySeconds = (performance.now() - begun) / 1000;
  await settled(process, pipelines);
  const writes = await written(cluster);
  const found: Measurement[] = [
    {
      what: `${pipelines} Pipelines, ${schedules} with a schedule: created by the client in`,
      found: `${fixed(createSeconds)} s`,
    },
    { what: 'all Ready since the first was created', found: `${fixed(readySeconds)} s` },
    { what: 'writes by the controller', found: JSON.stringify(writes), aim: 'one for each object, status and event' },
    ...(await figuresOf(cluster, process)),
  ];
  return { stored, found };
}

/** A controller that comes new to everything. */
async function lookAtAll(cluster: Cluster, start: () => Promise<ControllerProcess>, what: string) {
  const mark = await cluster.plane.auditMark();
  const process = await start();
  const seconds = await timed(() => settled(process, pipelines, patienceMs));
  const found: Measurement[] = [
    { what: `all looked at ${what}, by a new controller`, found: `${fixed(seconds)} s` },
    {
      what: `writes ${what}`,
      found: JSON.stringify(await written(cluster, mark)),
      ...(what === 'once more' && { aim: '{}' }),
    },
    ...(await figuresOf(cluster, process)),
  ];
  return { process, found };
}

async function rest(cluster: Cluster, process: ControllerProcess): Promise<readonly Measurement[]> {
  const mark = await cluster.plane.auditMark();
  const cpu = async () => (await gaugesOf(process))('process_cpu_seconds_total');
  const before = await cpu();
  await sleep(idleSeconds * 1000);
  const share = ((await cpu()) - before) / idleSeconds;
  return [
    { what: 'processor time while nothing happens', found: `${fixed(share * 100)} % of a core` },
    { what: `writes in ${idleSeconds} s of it`, found: JSON.stringify(await written(cluster, mark)), aim: '{}' },
  ];
}

/** The API server crashes; a change made right after it came back must be seen. */
async function loseApiServer(cluster: Cluster, api: Api, process: ControllerProcess): Promise<readonly Measurement[]> {
  await cluster.plane.stopApiServer('SIGKILL');
  await cluster.plane.startApiServer();
  const mark = await cluster.plane.auditMark();
  const seconds = await timed(async () => {
    await createPipelines(api, [fleetPipeline(pipelines)]);
    await areReady(api, pipelines + 1, patienceMs);
  });
  await settled(process, pipelines);
  return [
    { what: 'after a crash of the API server, a new Pipeline is Ready', found: `${fixed(seconds)} s after it is back` },
    { what: 'writes since then', found: JSON.stringify(await written(cluster, mark)), aim: 'those of one Pipeline' },
  ];
}

async function end(process: ControllerProcess): Promise<void> {
  process.kill('SIGTERM');
  await process.ended;
}

async function written(cluster: Cluster, mark?: number) {
  return tally(writesOf(await cluster.plane.audit(mark), user));
}

async function figuresOf(cluster: Cluster, process: ControllerProcess): Promise<readonly Measurement[]> {
  const gauges = await gaugesOf(process);
  const lag = gauges('jobpulse_loop_lag_seconds', { quantile: '0.99' });
  return [
    {
      what: '  resident memory',
      found: `${fixed(gauges('process_resident_memory_bytes') / 2 ** 20)} MiB`,
      aim: '< 256',
    },
    { what: '  heap in use', found: `${fixed(gauges('nodejs_heap_size_used_bytes') / 2 ** 20)} MiB` },
    { what: '  processor time', found: `${fixed(gauges('process_cpu_seconds_total'))} s` },
    { what: '  lag of the event loop, 99 %', found: `${fixed(lag * 1000)} ms` },
    { what: '  reconciles', found: String(gauges('jobpulse_reconcile_total')) },
    { what: '  connections to Redis', found: String(await redisConnections(cluster.redis)), aim: '≤ 20' },
  ];
}

const fixed = (value: number): string => value.toFixed(1);
