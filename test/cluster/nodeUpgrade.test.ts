import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Pipeline } from '../../src/api/index.ts';
import type { Manifest } from '../../src/run/types.ts';
import { describeWithGoProgram } from '../servers/goPrograms.ts';
import { describeWithNode } from '../servers/kubernetes/nodeBinaries.ts';
import { startUsajobs, type UsajobsDouble } from '../servers/usajobs/double.ts';
import { type ChartNode, chart, repository, startChartNode, version } from './chartNode.ts';
import { until } from './cluster.ts';
import { type History, recordRuns } from './history.ts';
import { countsOf, isEnd } from './storm.ts';
import { tableHash } from './warehouseCopy.ts';

const onNode = (name: string, tests: () => void) =>
  describeWithNode(name, () => describeWithGoProgram('helm', 'with its chart', tests));

/**
 * The version before: this working copy under another number, in its image and its chart, with definitions that lack a
 * field and have another default. There is no release yet whose files could be taken.
 */
const before = '0.0.9';

onNode('a release that is upgraded while runs go on', () => {
  let cluster: ChartNode;
  let double: UsajobsDouble;
  let history: History;
  let undisturbed: Awaited<ReturnType<typeof outcome>>;
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-older-'));
  beforeAll(async () => {
    cluster = await startChartNode();
    await cluster.addImage(before);
    double = await startUsajobs({ host: cluster.node.hostAddress, seed: 11 });
    await cluster.install([], olderChart(folder));
    history = await recordRuns(cluster.node.plane, cluster.namespace);
  }, 600_000);
  afterAll(async () => {
    if (process.env.SHOW_LOGS) console.log(await cluster.told());
    await history?.stop();
    await Promise.all([cluster?.stop(), double?.close()]);
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);

  /** What is left of a run of a Pipeline of its own. */
  const outcome = async (run: string, pipeline: string) => ({
    counts: countsOf(cluster.report(run, pipeline)),
    table: await tableHash(
      cluster.node.folders.of(cluster.namespace, `warehouse-${pipeline}-warehouse-0`),
      `${pipeline}.postings`,
      'matched_object_id',
    ),
  });
  const images = async (selector: string) =>
    cluster.kubectl(['get', 'pods', '-l', selector, '-o', 'jsonpath={.items[*].spec.containers[*].image}']);

  test('the version before works', async () => {
    await cluster.pipeline('calm', double);
    const run = await cluster.run('calm');
    const { status } = await cluster.ended(run);
    expect(status?.phase, JSON.stringify(status?.failures)).toBe('Succeeded');
    undisturbed = await outcome(run, 'calm');
    expect(await images('app.kubernetes.io/component=controller')).toContain(`${repository}:${before}`);
    expect(await versionsOf('calm')).toEqual([before]);
  }, 300_000);

  test('no step is lost, none is done twice, and every run ends once', async () => {
    const ideal = double.ledger().requests.length;
    double.behave({ latencyMs: 3_000 });
    const pipelines = ['first', 'second', 'third'];
    for (const name of pipelines) await cluster.pipeline(name, double);
    const runs = await Promise.all(pipelines.map((name) => cluster.run(name)));
    await until(() => double.ledger().requests.length >= ideal + 4, 120_000);

    await cluster.install();
    double.behave({ latencyMs: 0 });
    for (const [index, run] of runs.entries()) {
      const { status } = await cluster.ended(run);
      expect(status?.phase, JSON.stringify(status?.failures)).toBe('Succeeded');
      expect(history.phases(run).filter(isEnd)).toEqual(['Succeeded']);
      expect(await outcome(run, pipelines[index] ?? '')).toEqual(undisturbed);
    }
    expect(double.ledger().requests).toHaveLength(ideal * (1 + pipelines.length));
    // Runs were begun by one version and ended by the other.
    const versions = await Promise.all(pipelines.map(versionsOf));
    expect(new Set(versions.flat())).toEqual(new Set([before, version]));
    expect(await images('app.kubernetes.io/component=controller')).not.toContain(before);
    await until(async () => !(await images('jobpulse.dev/pool')).includes(before));
  }, 400_000);

  test('objects that were stored under the older definitions are served and valid under the new ones', async () => {
    const { spec, status } = await cluster.get<Pipeline>('jpl', 'calm');
    // What a definition gave when the object was stored stays; what it did not know has the default.
    expect(spec).toMatchObject({ successfulRunsHistoryLimit: 2, failedRunsHistoryLimit: 1 });
    expect(status?.conditions?.find(({ type }) => type === 'Valid')).toMatchObject({ status: 'True' });
    await cluster.kubectl(['patch', 'jpl', 'calm', '--type=merge', '-p', '{"spec":{"failedRunsHistoryLimit":4}}']);
    await until(async () => (await cluster.get<Pipeline>('jpl', 'calm')).status?.observedGeneration === 2);
    const { status: ended } = await cluster.ended(await cluster.run('calm'));
    expect(ended?.datasets?.[0]).toMatchObject({ read: 742, added: 0, unchanged: 736 });
  }, 300_000);

  /** The versions that published steps of a Pipeline, in the order of their numbers. */
  async function versionsOf(pipeline: string): Promise<readonly string[]> {
    const lake = cluster.node.folders.of(cluster.namespace, 'jobpulse-lake');
    const steps = join(lake, cluster.namespace, pipeline, '_jobpulse', 'steps');
    const files = readdirSync(steps, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    const manifests = files.map(
      (each) => JSON.parse(readFileSync(join(each.parentPath, each.name), 'utf8')) as Pick<Manifest, 'versions'>,
    );
    return [...new Set(manifests.map(({ versions }) => versions.jobpulse ?? 'unknown'))].sort();
  }
});

/** The chart as it was: another version, and definitions that know less. */
function olderChart(folder: string): string {
  const target = join(folder, 'jobpulse');
  cpSync(chart, target, { recursive: true });
  const change = (path: string, edit: (text: string) => string) =>
    writeFileSync(join(target, path), edit(readFileSync(join(target, path), 'utf8')));
  change('Chart.yaml', (text) => text.replaceAll(`ersion: ${version}`, `ersion: ${before}`));
  change(join('files', 'crds', 'jobpulse.dev_pipelines.yaml'), (text) => {
    const definition = parse(text);
    const { properties } = definition.spec.versions[0].schema.openAPIV3Schema.properties.spec;
    delete properties.failedRunsHistoryLimit;
    properties.successfulRunsHistoryLimit.default = 2;
    return stringify(definition);
  });
  return target;
}
