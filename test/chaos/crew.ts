import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import { hasEnded, reconcileRun } from '../../src/controller/runs.ts';
import type { World } from '../../src/controller/world.ts';
import { connect } from '../../src/queue/connection.ts';
import type { PoolName } from '../../src/queue/names.ts';
import { openWaves } from '../../src/queue/waves.ts';
import { startTcpRedis } from '../servers/redis.ts';
import { endWorker, startWorker } from './workers.ts';

const namespace = 'default';

export interface CrewOptions {
  readonly pipelines: readonly Pipeline[];
  /** Worker processes of each pool. */
  readonly sizes: Readonly<Record<PoolName, number>>;
  readonly env: NodeJS.ProcessEnv;
}

/** A Redis, and worker processes of all pools that serve some pipelines over one lake; one that is killed is replaced. */
export interface Crew {
  readonly dataDir: string;
  readonly redis: Redis;
  /** Kills a worker of these pools, the `n`th of them round and round, and starts another in its place. */
  kill(n: number, pools: readonly PoolName[]): void;
  /** Reconciles a run until it has ended; throws when the signal aborts before. */
  finish(run: PipelineRun, signal?: AbortSignal): Promise<PipelineRun>;
  /** Ends the workers, so that others can open the warehouse. */
  dismiss(): Promise<void>;
  /** Ends all there is and removes the data. */
  stop(): Promise<void>;
}

export async function openCrew({ pipelines, sizes, env }: CrewOptions): Promise<Crew> {
  const server = await startTcpRedis([]);
  const dataDir = mkdtempSync(join(tmpdir(), 'jobpulse-crew-'));
  const connection = { url: `redis://127.0.0.1:${server.port}` };
  const redis = connect(connection);
  const byName = new Map(pipelines.map((pipeline) => [pipeline.metadata.name, pipeline]));
  const config = {
    ...{ namespace, redis: connection, lake: join(dataDir, 'lake'), warehouse: join(dataDir, 'warehouse.duckdb') },
    ...{ scratch: join(dataDir, 'scratch'), allowPrivateNetworks: true, concurrency: 2 },
  };
  const serve = { type: 'serve', pipelines: [...byName.keys()].map((name) => ({ name, filesRoot: dataDir })) } as const;
  const start = (pool: PoolName) => ({ pool, child: startWorker({ ...config, pool }, env, serve) });
  const members: { pool: PoolName; child: ChildProcess }[] = (Object.entries(sizes) as [PoolName, number][]).flatMap(
    ([pool, size]) => Array.from({ length: size }, () => start(pool)),
  );
  const dismiss = async (): Promise<void> => {
    await Promise.all(members.splice(0).map(({ child }) => endWorker(child)));
  };
  return {
    ...{ dataDir, redis, dismiss },
    kill(n, pools) {
      const some = members.filter(({ pool }) => pools.includes(pool));
      const member = some[n % some.length];
      member?.child.kill('SIGKILL');
      if (member) member.child = start(member.pool).child;
    },
    finish: (run, signal) => finish(redis, byName, run, signal),
    async stop() {
      await dismiss();
      redis.disconnect();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function finish(
  redis: Redis,
  pipelines: ReadonlyMap<string, Pipeline>,
  first: PipelineRun,
  signal?: AbortSignal,
) {
  const waves = openWaves(redis, namespace);
  let run = first;
  const world: World = {
    ...{ namespace, waves, installation: 'here', warehouse: () => 'w', now: () => new Date() },
    pipeline: async (name) => pipelines.get(name),
    run: async () => run,
    writeRunStatus: async (_, status) => {
      run = { ...run, status };
    },
  };
  while (!hasEnded(run)) {
    if (signal?.aborted) {
      const { metadata, spec, status } = run;
      const jobs = await jobsOf(redis, metadata.name);
      throw new Error(`has not ended: ${JSON.stringify({ name: metadata.name, spec, status, jobs }, null, 1)}`);
    }
    await reconcileRun(world, run.metadata.name);
    await sleep(300);
  }
  await waves.close();
  return run;
}

/** What the queues know of a run, for whoever has to find out why it does not end. */
async function jobsOf(redis: Redis, run: string): Promise<readonly unknown[]> {
  const keys = (await redis.keys(`*:${run}.*`)).slice(0, 50);
  return Promise.all(
    keys.map(async (key) => {
      if ((await redis.type(key)) !== 'hash') return { key, ttl: await redis.pttl(key) };
      const { data: _, opts: __, returnvalue: ___, ...facts } = await redis.hgetall(key);
      return { key, ...facts };
    }),
  );
}
