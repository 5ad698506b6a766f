import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeRootFileSystem } from '../scripts/image/rootfs.ts';
import { type Cluster, type ControllerProcess, root, startCluster } from '../test/cluster/cluster.ts';
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
const patienceMs = 1_800_000;
const idleSeconds = 30;

/**
 * What it takes to look after many Pipelines: on a real API server, which shares this machine with the controller. The
 * controller is that of the image, but for one that is said to be from source.
 */
export async function* controller(): AsyncGenerator<Measurement> {
  const image = mkdtempSync(join(tmpdir(), 'jobpulse-bench-image-'));
  await makeRootFileSystem(root, image);
  const cluster = await startCluster({ audit: true, withNode: false });
  const api = await cluster.plane.connect();
  const as = { user, groups: ['system:masters'] };
  // The API server shares this machine with it: while both are very busy, a shorter Lease would be lost.
  const args = ['--lease-seconds=120'];
  const startImage = (identity: string) => cluster.startController(identity, { as, args, ...inImage(image) });
  try {
    const first = await startImage('first');
    const created = await createAll(cluster, api, first);
    yield* created.found;
    await end(first);
    await createHistories(api, created.stored);
    const source = await lookAtAll(cluster, () => cluster.startController('second', { as, args }), fromSource);
    yield* source.found;
    await end(source.process);
    const full = await lookAtAll(cluster, () => startImage('third'), 'once more');
    yield* full.found;
    yield* await rest(cluster, full.process);
    yield* await loseApiServer(cluster, api, full.process);
  } finally {
    await api.close();
    await cluster.stop();
    rmSync(image, { recursive: true, force: true });
  }
}

const fromSource = 'with full histories, from source';

/** As the chart starts what is in the image. */
const inImage = (folder: string) => ({
  command: [join(folder, 'usr/bin/node'), join(folder, 'app/dist/jobpulse.js')] as const,
  env: { MALLOC_ARENA_MAX: '2', UV_THREADPOOL_SIZE: '16', NODE_ENV: 'production' },
});

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
    await memoryOf(process),
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
    await memoryOf(process),
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
    await memoryOf(process),
    { what: '  processor time', found: `${fixed(gauges('process_cpu_seconds_total'))} s` },
    { what: '  lag of the event loop, 99 %', found: `${fixed(lag * 1000)} ms` },
    { what: '  reconciles', found: String(gauges('jobpulse_reconcile_total')) },
    { what: '  connections to Redis', found: String(await redisConnections(cluster.redis)), aim: '≤ 20' },
  ];
}

/** Resident now and at the most, and of that the heap; the scrape that tells it is part of it. */
async function memoryOf(process: ControllerProcess): Promise<Measurement> {
  const gauges = await gaugesOf(process);
  const status = readFileSync(`/proc/${process.pid}/status`, 'utf8');
  const resident = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  const heap = gauges('nodejs_heap_size_used_bytes') / 2 ** 20;
  return {
    what: '  resident memory: now, most; heap in use',
    found: `${fixed(resident('VmRSS'))}, ${fixed(resident('VmHWM'))}; ${fixed(heap)} MiB`,
    aim: '< 256',
  };
}

const fixed = (value: number): string => value.toFixed(1);
