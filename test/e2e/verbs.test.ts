import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { expect, onTestFinished, test } from 'vitest';
import { openResources } from '../../src/controller/standalone/resources.ts';
import { jobpulse, root, start, temporaryFolder } from './harness.ts';

const example = join(root, 'examples', 'vacancies');
const patiently = { timeout: 30_000 };

/** A folder with the vacancies example under a schedule that does not tick while the test runs. */
function newWorld() {
  const folder = temporaryFolder();
  const [manifests, dataDir] = [join(folder, 'manifests'), join(folder, 'data')];
  mkdirSync(manifests);
  copyFileSync(join(example, 'bolsa-de-empleo.csv'), join(manifests, 'bolsa-de-empleo.csv'));
  const manifest = readFileSync(join(example, 'pipeline.yaml'), 'utf8');
  writeFileSync(join(manifests, 'vacancies.yaml'), manifest.replace('spec:\n', 'spec:\n  schedule: "@yearly"\n'));
  const verb = (...args: string[]) => jobpulse([...args, '--data-dir', dataDir]);
  const told = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await verb(...args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  return { manifests, dataDir, verb, told, ...openResources(dataDir, 'default') };
}

/** Keeps the folder up in another process; ends it as a crash would. */
function keepUp({ manifests, dataDir }: ReturnType<typeof newWorld>): () => Promise<unknown> {
  const { child } = start(['up', manifests, '--data-dir', dataDir]);
  const ended = once(child, 'exit');
  const kill = () => {
    child.kill('SIGKILL');
    return ended;
  };
  onTestFinished(async () => {
    await kill();
  });
  return kill;
}

test('with an owner that stays: runs are begun there and not waited for, and its status is told; also after it was killed', async () => {
  const world = newWorld();
  const kill = keepUp(world);
  await expect
    .poll(() => world.verb('status').then(({ stdout }) => stdout), patiently)
    .toMatch(/vacancies +True +Ready +0 +Scheduled/);
  expect(await world.told('why', 'vacancies', 'clean')).toMatch(
    /clean: \d+ workers? wanted, \d+ there; clean: 0 waiting/,
  );

  const { run } = JSON.parse(await world.told('replay', 'vacancies', '--from', 'Clean', '-o', 'json')) as {
    run: string;
  };
  await expect.poll(async () => (await world.runs.get(run))?.status?.phase, patiently).toBe('Succeeded');
  expect((await world.runs.get(run))?.metadata.labels).toEqual({ 'jobpulse.dev/trigger': 'Replay' });
  const march = ['backfill', 'vacancies', '--from-time', '2026-03-01', '--to-time', '2026-03-08', '--wait'];
  expect(await world.told(...march)).toContain('vacancies/offers: read 0');
  expect((await world.verb(...march)).stderr).toMatch(/it ended before \(Succeeded, .*Z\) and is not done again/);
  const period = await world.runs.get('vacancies-backfill-20260301-20260308');
  expect(period?.spec).toMatchObject({
    priority: 'Low',
    maxSharePercent: 20,
    interval: { start: '2026-03-01T00:00:00Z' },
  });

  await expect.poll(() => world.told('top'), patiently).toMatch(/^vacancies +clean +0 +0 +0 +\d\/\d/m);
  expect(await world.told('drain', 'vacancies')).toContain('vacancies: nothing is under way; its schedule rests');
  expect(await world.told('status')).toMatch(/Paused/);
  await world.told('resume', 'vacancies');

  const before = new Date().toISOString();
  await kill();
  const after = new Date().toISOString();
  const text = await world.told('status');
  expect(text).toMatch(/vacancies +False +Degraded +Unattended.*Unattended: it has a schedule, and nobody keeps it/);
  const since = /nobody looks after them since (\S+);/.exec(text)?.[1] ?? '';
  expect(Date.parse(since)).toBeGreaterThan(Date.parse(before) - 10_000);
  expect(since < after).toBe(true);
  expect(await world.told('why', 'vacancies')).toContain(`ScalingActive is Unknown since ${since}: Unattended`);
});

test('top is shown again until Ctrl-C', async () => {
  const world = newWorld();
  expect((await world.verb('run', join(world.manifests, 'vacancies.yaml'))).code).toBe(0);
  const { child, ended } = start(['top', '--watch', '1', '--data-dir', world.dataDir]);
  let shown = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
  });
  await expect.poll(() => shown.split('PIPELINE').length, patiently).toBeGreaterThan(2);
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 0, stderr: expect.stringContaining('it is not shown again') });
});

test('without an owner: the command does the run itself, to its end', async () => {
  const world = newWorld();
  const manifest = join(world.manifests, 'vacancies.yaml');
  expect((await world.verb('run', manifest)).code).toBe(0);
  expect((await world.verb('replay', 'vacancies', '--from', 'Extract')).stderr).toContain('Allowed choices are Clean');
  const replay = await world.verb('replay', 'vacancies', '--from', 'Transform');
  expect(replay).toMatchObject({ code: 0, stdout: expect.stringContaining('vacancies/departments: 45 open places') });
  expect(replay.stderr).toContain('so this command does it to its end');

  // A rule that breaks every row: the run fails while it cleans, and is redriven from there when the rule is mended.
  const broken = [
    '--set',
    'spec.datasets[0].clean.columns[0].onError=Fail',
    '--set',
    'spec.datasets[0].clean.columns[0].accepted=["x"]',
  ];
  expect((await world.verb('run', manifest, ...broken)).code).toBe(1);
  const failed = (await world.runs.list()).find(({ status }) => status?.phase === 'Failed')?.metadata.name ?? '';
  expect(await world.told('why', 'vacancies')).toContain(`do again what failed with: jobpulse redrive ${failed}`);
  expect((await world.verb('redrive', failed)).code).toBe(1);
  expect((await world.runs.get(`${failed}-redrive`))?.spec).toMatchObject({ from: 'Clean', datasets: ['offers'] });
  const file = join(world.dataDir, 'report.tar.gz');
  expect(await world.told('report', '--file', file)).toContain('nothing was left out');
  const names = (await unpackTar(gunzipSync(readFileSync(file)))).map(({ header }) =>
    header.name.replace(/^[^/]+\//, ''),
  );
  expect(names).toEqual(
    expect.arrayContaining(['SUMMARY.txt', 'pipelines/vacancies.yaml', `runs/${failed}.yaml`, 'why/vacancies.txt']),
  );
  expect(names).toContain(`reports/vacancies/${failed}.json`);
  const ended = await world.verb('pause', '--run', failed);
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('has ended already (Failed)') });
  expect((await world.verb('pause')).stderr).toContain('name a pipeline, or a run with --run');
});
