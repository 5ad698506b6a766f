import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PipelineRun } from '../../src/api/index.ts';
import { type CoresignalDouble, startCoresignal } from '../servers/coresignal/double.ts';
import { type Prometheus, startPrometheus, type Target } from '../servers/prometheus.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type Cluster, type ControllerProcess, namespace, root, startCluster, until } from './cluster.ts';

/** A cluster whose pipelines have met what dashboards and alerts are about, and the Prometheus that saw it. */
export interface MonitoredCluster {
  readonly cluster: Cluster;
  readonly controller: ControllerProcess;
  readonly prometheus: Prometheus;
  readonly usajobs: UsajobsDouble;
  readonly coresignal: CoresignalDouble;
  stop(): Promise<void>;
}

const filesClaim = 'jobpulse-files';

/** Starts it; nothing is applied yet. */
export async function startMonitoredCluster(): Promise<MonitoredCluster> {
  const [cluster, usajobs, coresignal] = await Promise.all([startCluster(), startUsajobs(), startCoresignal()]);
  const controller = await cluster.startController('controller-1', {
    installation: `files: {claimName: ${filesClaim}}\n`,
  });
  const targets = () => [targetOf(controller), ...workersOf(cluster)];
  const prometheus = await startPrometheus(targets, [join(root, 'charts', 'jobpulse', 'files', 'alerts.yaml')]);
  return {
    ...{ cluster, controller, prometheus, usajobs, coresignal },
    async stop() {
      await prometheus.stop();
      await cluster.stop();
      await Promise.all([usajobs.close(), coresignal.close()]);
    },
  };
}

const targetOf = ({ url, identity }: ControllerProcess): Target => ({
  address: new URL(url).host,
  labels: { namespace, pod: identity },
});

/** The pods that are ready: the port of one that is not may be taken by nobody yet. */
const workersOf = ({ node }: Cluster): readonly Target[] =>
  (node?.pods() ?? [])
    .filter(({ ready }) => ready)
    .map(({ name }) => ({
      address: `127.0.0.1:${node?.port(name, 'metrics')}`,
      labels: { namespace, pod: name },
    }));

/** Credits that do not cover all that is found. */
const budget = 60;

/**
 * The examples, each with something that goes wrong: a file with bad rows and a column too many, a budget that is spent,
 * a source that is away for a moment, that lost many postings, and that refuses its key.
 */
export async function meetTroubles(world: MonitoredCluster): Promise<void> {
  const { cluster, usajobs } = world;
  await applyAll(world);
  usajobs.fail(1, { kind: 'Status', status: 503 });
  const pipelines = ['usajobs', 'coresignal', 'vacancies'];
  await Promise.all(pipelines.map((pipeline) => runToEnd(cluster, pipeline, 'Succeeded')));
  for (const { id } of usajobs.found().slice(0, 300)) usajobs.remove(id);
  await runToEnd(cluster, 'usajobs', 'Succeeded');
  usajobs.fail(100, { kind: 'Status', status: 401 });
  await runToEnd(cluster, 'usajobs', 'Failed');
  await sleep(6_000); // in which Prometheus sees the end, which begins at zero
}

async function applyAll({ cluster, usajobs, coresignal }: MonitoredCluster): Promise<void> {
  const files = cluster.node?.claim(filesClaim) ?? '';
  mkdirSync(files, { recursive: true });
  writeFileSync(join(files, 'bolsa-de-empleo.csv'), spoiltFile());
  const changes = {
    'http://usajobs-double.example:8080': usajobs.url,
    'http://coresignal-double.example:8080': coresignal.url,
    'budget: 500': `budget: ${budget}`,
  };
  for (const folder of ['overlays/usajobs-double', 'overlays/coresignal-double', 'vacancies']) {
    const manifests = await cluster.kubectl(['kustomize', join(root, 'examples', folder)]);
    const own = Object.entries(changes).reduce((text, [from, to]) => text.replaceAll(from, to), manifests);
    await cluster.kubectl(['apply', '--server-side', '-f', '-'], own);
  }
  const add = (pipeline: string, path: string, value: object) =>
    cluster.kubectl(['patch', 'jpl', pipeline, '--type=json', '-p', JSON.stringify([{ op: 'add', path, value }])]);
  // A step that meets an error goes back to its queue at once, where retries can be seen.
  await add('usajobs', '/spec/datasets/0/extract/retry', { attempts: 1 });
  // Two workers stay, which is always more than an empty queue asks for: one stays by itself, for a while.
  await add('vacancies', '/spec/workers', { clean: { minReplicas: 2 } });
  await cluster.kubectl(['wait', '--for=condition=Ready', 'jpl', '--all', '--timeout=60s']);
}

/** The example's file with a further column, and with rows that lack what is required. */
function spoiltFile(): string {
  const file = readFileSync(join(root, 'examples', 'vacancies', 'bolsa-de-empleo.csv'), 'utf8').trimEnd();
  const bad = Array.from({ length: 10 }, (_, index) => `;Vacante ${index};Planeación;1.000.000;1;30/04/2026`);
  return [...file.split('\n'), ...bad].map((row, index) => `${row};${index === 0 ? 'Piso' : index}\n`).join('');
}

async function runToEnd(cluster: Cluster, pipeline: string, phase: string): Promise<void> {
  const kind = { apiVersion: 'jobpulse.dev/v1alpha1', kind: 'PipelineRun' };
  const run = { ...kind, metadata: { generateName: `${pipeline}-` }, spec: { pipelineRef: { name: pipeline } } };
  const name = (await cluster.kubectl(['create', '-f', '-', '-o', 'name'], JSON.stringify(run))).trim();
  await until(async () => (await cluster.get<PipelineRun>(name)).status?.finishTime !== undefined, 180_000);
  const { status } = await cluster.get<PipelineRun>(name);
  if (status?.phase !== phase) throw new Error(`${name} ended ${status?.phase}: ${JSON.stringify(status?.failures)}`);
}
