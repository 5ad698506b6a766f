import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeImage } from '../../scripts/image/image.ts';
import type { Pipeline, PipelineRun } from '../../src/api/index.ts';
import type { Row } from '../../src/connectors/duckdb.ts';
import type { RunReport } from '../../src/run/report.ts';
import { findGoProgram } from '../servers/goPrograms.ts';
import { type RealNode, startRealNode } from '../servers/kubernetes/node.ts';
import { makeRedisImage } from '../servers/redisImage.ts';
import type { UsajobsDouble } from '../servers/usajobs/double.ts';
import { root, until } from './cluster.ts';
import { usajobsNamed } from './examplePipelines.ts';
import { queryCopy } from './warehouseCopy.ts';

/** The image of this working copy on the node, without its tag, which is the version; and the one of a Redis. */
export const repository = 'jobpulse.test/jobpulse';
const redisImage = 'jobpulse.test/redis:1';
export const chart = join(root, 'charts', 'jobpulse');
export const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const release = 'jobpulse';
const placeholders = {
  'usajobs-double': 'http://usajobs-double.example:8080',
  'coresignal-double': 'http://coresignal-double.example:8080',
} as const;

/**
 * A real node with the images of this working copy, and a namespace that enforces the restricted Pod Security Standard:
 * what a user has before `helm install`. Tests of it need `describeWithNode` and `describeWithGoProgram('helm', …)`.
 */
export interface ChartNode {
  readonly node: RealNode;
  readonly namespace: string;
  /** kubectl in the namespace; throws unless it succeeds, and gives what it printed. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** `kubectl get … -o json`. */
  get<Kind>(...args: readonly string[]): Promise<Kind>;
  /** helm in the namespace; throws unless it succeeds, and gives what it printed. */
  helm(...args: readonly string[]): Promise<string>;
  /** `helm upgrade --install` of the project's chart, or of the one in a folder; waits until everything is ready. */
  install(set?: readonly string[], folder?: string): Promise<string>;
  /** The image of this working copy, which the node has. */
  readonly image: { readonly name: string; readonly archive: string };
  /** Gives the node an image of this working copy that says it is of another version. */
  addImage(version: string): Promise<void>;
  /** `kubectl apply -k` of an example's overlay, with the address of its double where the user is told to put it. */
  applyOverlay(name: keyof typeof placeholders, url: string): Promise<void>;
  /** Applies the usajobs example under another name; small pages make many raw objects. */
  pipeline(name: string, double: UsajobsDouble, spec?: Partial<Pipeline['spec']>): Promise<void>;
  /** Creates a run by hand; its name. */
  run(pipeline: string): Promise<string>;
  /** Waits for the end of a run, however it ends. */
  ended(run: string, timeoutMs?: number): Promise<PipelineRun>;
  /** The report of a run, from the lake on its volume. */
  report(run: string, pipeline: string): RunReport;
  /** Asks a copy of a Pipeline's warehouse; nobody may be loading. */
  ask(pipeline: string, sql: string): Promise<readonly Row[]>;
  /** Everything that could tell why a test failed. */
  told(): Promise<string>;
  stop(): Promise<void>;
}

export async function startChartNode(namespace = 'harbour'): Promise<ChartNode> {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-chart-'));
  const [own, redis] = [imageIn(folder), join(folder, 'redis.tar')];
  const [node] = await Promise.all([
    startRealNode(),
    makeImage(own.name, own.archive),
    makeRedisImage(redisImage, redis),
  ]);
  for (const archive of [own.archive, redis]) await node.importImage(archive);
  await node.kubectl(['create', 'namespace', namespace]);
  await node.kubectl(['label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted']);
  return chartNode(node, namespace, folder);
}

const imageIn = (folder: string) => ({ name: `${repository}:${version}`, archive: join(folder, 'jobpulse.tar') });

function chartNode(node: RealNode, namespace: string, folder: string): ChartNode {
  const kubectl = (args: readonly string[], input?: string) => node.kubectl(['-n', namespace, ...args], input);
  const get = async <Kind>(...args: readonly string[]) =>
    JSON.parse(await kubectl(['get', ...args, '-o', 'json'])) as Kind;
  const helm = (...args: readonly string[]) =>
    runHelm([...args, '--namespace', namespace, '--kubeconfig', node.plane.kubeconfig], folder);
  let runs = 0;
  return {
    ...{ node, namespace, kubectl, get, helm, image: imageIn(folder) },
    install: (set = [], from = chart) => {
      const values = [...ownValues, ...set].flatMap((each) => ['--set', each]);
      return helm('upgrade', '--install', release, from, '--wait', '--timeout', '5m', ...values);
    },
    addImage: (older) => addImage(node, folder, older),
    applyOverlay: (name, url) => applyOverlay(kubectl, folder, name, url),
    async pipeline(name, double, spec = {}) {
      const items = await usajobsNamed(node.kubectl, double, name, spec);
      await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    },
    async run(pipeline) {
      runs += 1;
      const name = `${pipeline}-by-hand-${runs}`;
      const kind = { apiVersion: 'jobpulse.dev/v1alpha1', kind: 'PipelineRun', metadata: { name } };
      await kubectl(['create', '-f', '-'], JSON.stringify({ ...kind, spec: { pipelineRef: { name: pipeline } } }));
      return name;
    },
    async ended(run, timeoutMs = 240_000) {
      await until(async () => /True|False/.test(await kubectl(['get', 'jpr', run, '-o', hasEnded])), timeoutMs);
      return get<PipelineRun>('jpr', run);
    },
    report(run, pipeline) {
      const path = [namespace, pipeline, '_jobpulse', 'runs', `${run}.json`];
      return JSON.parse(readFileSync(join(node.folders.of(namespace, `${release}-lake`), ...path), 'utf8'));
    },
    ask: (pipeline, sql) => queryCopy(node.folders.of(namespace, `warehouse-${pipeline}-warehouse-0`), sql),
    told: async () =>
      (
        await Promise.all([
          kubectl(['get', 'all,jpl,jpr,pvc', '-o', 'wide']),
          kubectl(['get', 'events']),
          kubectl(['logs', '--selector=app.kubernetes.io/name=jobpulse', '--prefix', '--tail=100']),
        ])
      ).join('\n'),
    async stop() {
      await node.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const hasEnded = 'jsonpath={.status.conditions[?(@.type=="Succeeded")].status}';

/** What a test of this machine gives the chart: its images, which no registry has, and sources on this machine. */
const ownValues = [
  `image.repository=${repository}`,
  'image.pullPolicy=Never',
  `redis.image=${redisImage}`,
  'allowPrivateNetworks=true',
];

async function addImage(node: RealNode, folder: string, older: string): Promise<void> {
  const archive = join(folder, `jobpulse-${older}.tar`);
  await makeImage(`${repository}:${older}`, archive, (files) => {
    // It is where the program reads its version.
    const path = join(files, 'app', 'package.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace(`"version": "${version}"`, `"version": "${older}"`));
  });
  await node.importImage(archive);
}

async function runHelm(args: readonly string[], home: string): Promise<string> {
  const env = { ...process.env, HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home };
  return (await promisify(execFile)(findGoProgram('helm') ?? 'helm', args, { env, maxBuffer: 64 * 2 ** 20 })).stdout;
}

/** Does with a copy of the examples what their overlay tells a user to do. */
async function applyOverlay(
  kubectl: ChartNode['kubectl'],
  folder: string,
  name: keyof typeof placeholders,
  url: string,
): Promise<void> {
  const examples = join(folder, 'examples');
  cpSync(join(root, 'examples'), examples, { recursive: true });
  const patch = join(examples, 'overlays', name, 'double.yaml');
  writeFileSync(patch, readFileSync(patch, 'utf8').replaceAll(placeholders[name], url));
  await kubectl(['apply', '-k', join(examples, 'overlays', name)]);
}
