import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { jitterOf } from '../../src/controller/schedule.ts';
import { openResources } from '../../src/controller/standalone/resources.ts';
import { jobpulse, root, start, temporaryFolder } from './harness.ts';

const example = join(root, 'examples', 'vacancies');
const manifest = readFileSync(join(example, 'pipeline.yaml'), 'utf8');
/** Ticks on the first of January: not while the test runs. */
const yearly = manifest.replace('spec:\n', 'spec:\n  schedule: "@yearly"\n');

/** A folder with the vacancies example under a schedule, and a data directory. */
function newWorld(text = yearly) {
  const folder = temporaryFolder();
  const [manifests, dataDir] = [join(folder, 'manifests'), join(folder, 'data')];
  mkdirSync(manifests);
  mkdirSync(dataDir, { mode: 0o700 });
  copyFileSync(join(example, 'bolsa-de-empleo.csv'), join(manifests, 'bolsa-de-empleo.csv'));
  copyFileSync(join(example, 'kustomization.yaml'), join(manifests, 'kustomization.yaml'));
  const file = join(manifests, 'vacancies.yaml');
  writeFileSync(file, text);
  // Ticks that were missed are made up for within a minute; this installation is one of the first.
  const quick = Array.from({ length: 1000 }, (_, at) => `test-${at}`).find((id) => jitterOf(id, 'vacancies') < 1000);
  writeFileSync(join(dataDir, 'installation.id'), quick ?? '');
  return { manifests, file, dataDir, runs: openResources(dataDir, 'default').runs };
}

const patiently = { timeout: 30_000 };

interface Up {
  readonly child: ChildProcess;
  /** All that was said so far. */
  said(): string;
  /** Waits until something was said after the last wait. */
  says(text: string | RegExp): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

function startUp(manifests: string, dataDir: string, env: NodeJS.ProcessEnv = {}): Up {
  const { child } = start(['up', manifests, '--data-dir', dataDir], env);
  let said = '';
  let heard = 0;
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
  }
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    said: () => said,
    async says(text) {
      const pattern = typeof text === 'string' ? RegExp.escape(text) : text;
      const deadline = performance.now() + 60_000;
      for (;;) {
        const found = said.slice(heard).match(pattern);
        if (found) {
          heard += (found.index ?? 0) + found[0].length;
          return;
        }
        if (performance.now() > deadline) throw new Error(`it never said ${text}:\n${said}`);
        await sleep(20);
      }
    },
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}

interface Line {
  readonly state: string;
  readonly nextRun?: string;
  readonly run?: { readonly metadata: { readonly name: string } };
}

async function statusOf(dataDir: string): Promise<Line> {
  const { stdout } = await jobpulse(['status', '--data-dir', dataDir, '-o', 'json']);
  const [line] = JSON.parse(stdout) as Line[];
  return line ?? { state: 'none' };
}

test('keeps a folder applied: broken, mended, renamed, removed and restored manifests, and what others ask for', async () => {
  const { manifests, file, dataDir } = newWorld();
  const up = startUp(manifests, dataDir);
  await up.says('vacancies: applied from vacancies.yaml; runs at @yearly (UTC)');
  await up.says('kept up');
  expect(up.said()).not.toContain('kustomization');
  const newYear = `${new Date().getUTCFullYear() + 1}-01-01T00:00:00.000Z`;
  await expect
    .poll(() => statusOf(dataDir), patiently)
    .toMatchObject({ pipeline: 'vacancies', state: 'Scheduled', nextRun: newYear });

  writeFileSync(file, `${yearly}\nbroken: [`);
  await up.says(/vacancies.yaml:\d+:\d+: not valid YAML/);
  await up.says('the last valid one goes on');
  writeFileSync(join(manifests, 'zweite.yaml'), yearly);
  await up.says('declares a Pipeline vacancies already; give one of them another name');
  expect((await statusOf(dataDir)).state).toBe('Scheduled');

  rmSync(join(manifests, 'zweite.yaml'));
  rmSync(file);
  await up.says('vacancies: its manifest is gone; its schedule rests');
  expect(await statusOf(dataDir)).toMatchObject({ state: 'Suspended' });
  writeFileSync(`${file}.new`, yearly);
  renameSync(`${file}.new`, file);
  await up.says('vacancies: applied');
  await expect.poll(() => statusOf(dataDir), patiently).toMatchObject({ state: 'Scheduled' });

  const second = await jobpulse(['up', manifests, '--data-dir', dataDir]);
  expect(second.code).toBe(4);
  expect(second.stderr).toMatch(/process \d+ works on .*--data-dir/);

  // A run of another shell goes through the owner, which outlives it, and the folder counts afterwards.
  const ran = await jobpulse(['run', join(example, 'pipeline.yaml'), '--data-dir', dataDir]);
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('vacancies/offers: read 24') });
  expect(up.child.exitCode).toBeNull();
  await expect.poll(() => statusOf(dataDir), patiently).toMatchObject({ state: 'Scheduled', nextRun: newYear });

  expect((await jobpulse(['pause', 'vacancies', '--data-dir', dataDir])).code).toBe(0);
  expect(await statusOf(dataDir)).toMatchObject({ state: 'Paused' });
  writeFileSync(file, `${yearly}# touched\n`);
  await up.says('vacancies: applied from vacancies.yaml; its schedule rests');
  expect(await statusOf(dataDir)).toMatchObject({ state: 'Paused' });

  expect(await up.stop()).toBe(130);
  expect((await jobpulse(['resume', 'vacancies', '--data-dir', dataDir])).code).toBe(0);
  expect((await statusOf(dataDir)).state).toBe('Unattended');
  const unknown = await jobpulse(['pause', 'vacancy', '--data-dir', dataDir]);
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('found: vacancies') });
  const nowhere = await jobpulse(['up', join(manifests, 'nowhere'), '--data-dir', dataDir]);
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be read (ENOENT)') });
});

/** A world whose schedule has been on for three years, with the tick that it missed last. */
async function wokenWorld() {
  const world = newWorld();
  const up = startUp(world.manifests, world.dataDir);
  await up.says('kept up');
  await expect.poll(() => statusOf(world.dataDir), patiently).toMatchObject({ state: 'Scheduled' });
  expect(await up.stop('SIGINT')).toBe(130);
  expect(await world.runs.list()).toEqual([]);

  const year = new Date().getUTCFullYear();
  const { pipelines } = openResources(world.dataDir, 'default');
  await pipelines.update('vacancies', ({ status, ...pipeline }) => {
    const lastTransitionTime = `${year - 3}-06-01T00:00:00Z`;
    const conditions = (status?.conditions ?? []).map((each) => ({ ...each, lastTransitionTime }));
    return { ...pipeline, status: { ...status, conditions } };
  });
  const tick = `${year}-01-01T00:00:00.000Z`;
  return { ...world, tick, run: `vacancies-${Date.parse(tick) / 60_000}` };
}

const outcomes = async ({ runs }: Pick<Awaited<ReturnType<typeof wokenWorld>>, 'runs'>) =>
  (await runs.list()).map(({ metadata, status }) => [metadata.name, status?.asOf, status?.phase]);

test('makes up for a missed tick with one run, named and dated after the tick, and does so once', async () => {
  const world = await wokenWorld();
  const up = startUp(world.manifests, world.dataDir);
  await up.says('vacancies/offers: read 24, rejected 5');
  expect(await outcomes(world)).toEqual([[world.run, world.tick, 'Succeeded']]);
  expect(await up.stop()).toBe(130);

  const next = startUp(world.manifests, world.dataDir);
  await next.says('kept up');
  await sleep(2_000); // longer than this installation's jitter
  expect(await next.stop()).toBe(130);
  expect(await outcomes(world)).toHaveLength(1);
});

test('killed in the middle of a run, the next one goes on with it; dead workers and a dead Redis come back', async () => {
  const world = await wokenWorld();
  const kills = { afterRaw: join(world.dataDir, 'kills-1'), inReport: join(world.dataDir, 'kills-2') };
  for (const folder of Object.values(kills)) {
    mkdirSync(folder);
    for (const kill of ['a', 'b']) writeFileSync(join(folder, kill), '');
  }
  const first = startUp(world.manifests, world.dataDir, { JOBPULSE_CRASH: `after-raw-put=${kills.afterRaw}` });
  await expect.poll(() => readdirSync(kills.afterRaw).length, { timeout: 60_000, interval: 10 }).toBe(1);
  await first.stop('SIGKILL');
  expect((await world.runs.list())[0]?.status?.phase).toBe('Running');

  const second = startUp(world.manifests, world.dataDir, { JOBPULSE_CRASH: `in-report=${kills.inReport}` });
  await second.says(`vacancies: going on with ${world.run}`);
  await second.says('vacancies/offers: read 24, rejected 5');
  expect(readdirSync(kills.inReport)).toEqual([]);
  expect(await outcomes(world)).toEqual([[world.run, world.tick, 'Succeeded']]);

  process.kill(Number(readFileSync(join(world.dataDir, 'redis', 'redis.pid'), 'utf8')), 'SIGKILL');
  const ran = await jobpulse(['run', join(example, 'pipeline.yaml'), '--data-dir', world.dataDir]);
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining('added 0, modified 0') });
  expect(await second.stop()).toBe(130);
});
