import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openResources } from '../../src/controller/standalone/resources.ts';
import { jobpulse, root, start, temporaryFolder } from './harness.ts';

const example = join(root, 'examples', 'vacancies');
const manifest = readFileSync(join(example, 'pipeline.yaml'), 'utf8');

/** The vacancies example under another name, to run after others. */
const named = (name: string, after: readonly string[]): string =>
  manifest.replace('name: vacancies', `name: ${name}`).replace('spec:\n', `spec:\n  after: [${after.join(', ')}]\n`);

/** `jobpulse up` over manifests, by name. */
function up(manifests: Readonly<Record<string, string>>) {
  const folder = temporaryFolder();
  const [files, dataDir] = [join(folder, 'manifests'), join(folder, 'data')];
  mkdirSync(files);
  copyFileSync(join(example, 'bolsa-de-empleo.csv'), join(files, 'bolsa-de-empleo.csv'));
  for (const [name, text] of Object.entries(manifests)) writeFileSync(join(files, `${name}.yaml`), text);
  const { child } = start(['up', files, '--data-dir', dataDir]);
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
  }
  const runs = async (pipeline: string) =>
    (await openResources(dataDir, 'default').runs.list()).filter(({ spec }) => spec.pipelineRef.name === pipeline);
  return { files, dataDir, runs, said: () => said };
}

const patiently = { timeout: 60_000, interval: 200 };

test('a pipeline runs after another has, once, and nothing runs by itself before', async () => {
  const { files, dataDir, runs, said } = up({ vacancies: manifest, summary: named('summary', ['vacancies']) });
  await expect.poll(said, patiently).toContain('kept up');
  // Since when `after` is on is noted before anything can be after it.
  const stored = openResources(dataDir, 'default').pipelines;
  await expect
    .poll(async () => (await stored.get('summary'))?.status?.conditions, patiently)
    .toContainEqual(expect.objectContaining({ type: 'Suspended', status: 'False', message: 'after vacancies' }));
  expect(await runs('summary')).toEqual([]);
  const first = await jobpulse(['run', join(files, 'vacancies.yaml'), '--data-dir', dataDir]);
  expect(first.code).toBe(0);
  await expect
    .poll(() => runs('summary'), patiently)
    .toMatchObject([
      {
        metadata: { labels: { 'jobpulse.dev/trigger': 'After' } },
        status: { phase: 'Succeeded', conditions: [{ type: 'Succeeded' }, { type: 'Conserved', status: 'True' }] },
      },
    ]);
  const second = await jobpulse(['run', join(files, 'vacancies.yaml'), '--data-dir', dataDir]);
  expect(second.code).toBe(0);
  await expect.poll(async () => (await runs('summary')).length, patiently).toBe(2);
}, 120_000);

test('pipelines in a circle are told, and none of them runs by itself', async () => {
  const { said } = up({ a: named('a', ['b']), b: named('b', ['a']) });
  await expect.poll(said, patiently).toContain('found a circle, in which no pipeline can be first: a runs after b');
  await expect.poll(said, patiently).toContain('b runs after a runs after b');
});
