import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import { prefixOf } from '../../src/queue/names.ts';
import type { RunReport } from '../../src/run/report.ts';
import type { HostNode } from '../servers/kubernetes/hostNode.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, type ClusterOptions, namespace, startCluster, until } from './cluster.ts';
import { usajobsNamed } from './examplePipelines.ts';
import { type History, recordRuns } from './history.ts';
import { tableHash } from './warehouseCopy.ts';

/** A cluster with a source and pipelines over it, for tests that break things while runs go on. */
export interface Storm {
  readonly cluster: Cluster;
  readonly double: UsajobsDouble;
  /** What became of every run, as the API told it. */
  readonly history: History;
  /** Between 0 and 1, from the seed that was printed. */
  readonly random: () => number;
  /** Applies the usajobs example under another name; small pages make many raw objects. */
  pipeline(name: string, spec?: Partial<Pipeline['spec']>): Promise<void>;
  /** Creates a run and returns its name. */
  run(pipeline: string): Promise<string>;
  get(run: string): Promise<PipelineRun>;
  /** The run is under way: while machines are busy, a leader may first have to come about. */
  begun(run: string): Promise<void>;
  ended(run: string, timeoutMs?: number): Promise<PipelineRun>;
  /** The report in the lake. */
  report(run: string, pipeline: string): RunReport;
  /** One hash over the rows of a pipeline's table. Nobody may be loading. */
  table(pipeline: string): Promise<string>;
  /** Jobs of a run that are not at their end. */
  jobsOf(run: string): Promise<readonly string[]>;
  /** What every worker wrote that is there now. */
  podLogs(): Promise<string>;
  stop(): Promise<void>;
}

/** A run by its counts: the same whatever happened on the way. */
export function countsOf({ status, conserved, datasets, models }: RunReport) {
  return {
    ...{ status, conserved },
    datasets: datasets.map(({ seconds: _, ...dataset }) => dataset),
    models: models.map(({ seconds: _, ...model }) => model),
  };
}

export async function startStorm({ seed, ...options }: ClusterOptions & { readonly seed: number }): Promise<Storm> {
  console.log(`seed ${seed}; another one by CHAOS_SEED`);
  const [cluster, double] = await Promise.all([startCluster(options), startUsajobs({ seed: 11, postings: 742 })]);
  const history = await recordRuns(cluster.plane);
  const get = (run: string) => cluster.get<PipelineRun>('jpr', run);
  let runs = 0;
  return {
    ...{ cluster, double, history, random: openRandom(seed), get },
    async pipeline(name, spec = {}) {
      const objects = await usajobsNamed(cluster.kubectl, double, name, spec);
      for (const each of objects) await cluster.kubectl(['apply', '--server-side', '-f', '-'], JSON.stringify(each));
    },
    async run(pipeline) {
      runs += 1;
      const metadata = { name: `${pipeline}-by-hand-${runs}` };
      const run = { apiVersion: 'jobpulse.dev/v1alpha1', kind: 'PipelineRun', metadata };
      await cluster.kubectl(
        ['create', '-f', '-'],
        JSON.stringify({ ...run, spec: { pipelineRef: { name: pipeline } } }),
      );
      return metadata.name;
    },
    begun: (run) => until(() => history.phases(run).includes('Running'), 180_000),
    async ended(run, timeoutMs = 180_000) {
      await until(() => history.phases(run).some(isEnd), timeoutMs);
      return get(run);
    },
    report: (run, pipeline) => {
      const path = join(
        nodeOf(cluster).claim('jobpulse-lake'),
        namespace,
        pipeline,
        '_jobpulse',
        'runs',
        `${run}.json`,
      );
      return JSON.parse(readFileSync(path, 'utf8')) as RunReport;
    },
    table: (pipeline) => {
      const claim = nodeOf(cluster).claim(`warehouse-${pipeline}-warehouse-0`);
      return tableHash(claim, `${pipeline.replaceAll('-', '_')}.postings`, 'matched_object_id');
    },
    jobsOf: (run) => unfinishedJobs(cluster, run),
    podLogs: async () => {
      const node = nodeOf(cluster);
      const logs = await Promise.all(node.pods().map(async ({ name }) => `${name}:\n${await node.logs(name)}`));
      return logs.join('\n');
    },
    async stop() {
      await history.stop();
      await cluster.stop();
      await double.close();
    },
  };
}

function nodeOf({ node }: Cluster): HostNode {
  if (node) return node;
  throw new Error('this cluster was started without a node');
}

export const isEnd = (phase: string): boolean => ['Succeeded', 'Failed', 'Cancelled'].includes(phase);

/** The seed of a test: the given one, unless the environment names another. */
export const seedOr = (usual: number): number => Number(process.env.CHAOS_SEED ?? usual);

/** Mulberry32: small, and the same everywhere. */
function openRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function unfinishedJobs({ redis }: Cluster, run: string): Promise<readonly string[]> {
  const found: string[] = [];
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, 'MATCH', `${prefixOf(namespace)}:*:${run}.*`, 'COUNT', 1000);
    for (const key of keys) {
      const isJob = (await redis.type(key)) === 'hash' && (await redis.hexists(key, 'opts')) === 1;
      if (isJob && (await redis.hexists(key, 'finishedOn')) === 0) found.push(key);
    }
    cursor = next;
  } while (cursor !== '0');
  return found;
}
