import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeArchive } from '../../scripts/image/archive.ts';
import { configOf } from '../../scripts/image/dockerfile.ts';
import { makeRootFileSystem } from '../../scripts/image/rootfs.ts';
import { version } from '../../src/version.ts';

const project = join(import.meta.dirname, '..', '..');
const dockerfile = readFileSync(join(project, 'Dockerfile'), 'utf8');
/** Its libraries are those of the machine. */
const canBeMade = process.platform === 'linux' && existsSync('/usr/bin/dpkg-query');

describe('Dockerfile', () => {
  test('its first stage makes the root file system with our script, its last takes that and nothing else', () => {
    expect(dockerfile).toContain('\nRUN node_modules/.bin/node scripts/image.ts --root /rootfs\n');
    const copies = dockerfile.split('FROM scratch\n')[1]?.match(/^(COPY|ADD|RUN) .*/gm);
    expect(copies).toEqual(['COPY --from=build /rootfs /']);
  });

  test('what it says of running a container is understood', () => {
    const config = configOf(dockerfile);
    expect(config).toMatchObject({ User: '65532:65532', WorkingDir: '/tmp', Entrypoint: ['/usr/bin/jobpulse'] });
    expect(config.Env).toContain('UV_THREADPOOL_SIZE=16');
    expect(config.Labels['org.opencontainers.image.licenses']).toBe('Apache-2.0');
    expect(() => configOf('FROM scratch\nVOLUME /data\n')).toThrow('VOLUME in the last stage is not understood');
  });

  test('what its first stage copies is let through to it', () => {
    const lets = readFileSync(join(project, '.dockerignore'), 'utf8').match(/(?<=^!).*/gm);
    expect(lets).toEqual(expect.arrayContaining(['package.json', 'package-lock.json', '.npmrc', 'scripts', 'src']));
  });
});

describe.skipIf(!canBeMade)('image (made on Debian)', () => {
  let root: string;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'jobpulse-test-image-'));
    await makeRootFileSystem(project, root);
  }, 180_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** Runs the command line of the image, with nothing of this process's environment. */
  const run = (...args: readonly string[]) =>
    spawnSync(join(root, 'usr/bin/node'), [join(root, 'app/dist/jobpulse.js'), ...args], {
      cwd: tmpdir(),
      env: { HOME: join(root, 'tmp') },
      encoding: 'utf8',
    });

  test('has Node.js, the project and what they need; no shell, no package manager', () => {
    expect(readdirSync(join(root, 'usr/bin'))).toEqual(['jobpulse', 'node']);
    expect(readdirSync(root).toSorted()).toEqual(['app', 'etc', 'lib', 'lib64', 'tmp', 'usr']);
    expect(readdirSync(join(root, 'app/node_modules'))).toEqual(['@duckdb']);
    const megabytes = Number(execFileSync('du', ['-sm', root], { encoding: 'utf8' }).split('\t')[0]);
    expect(megabytes).toBeLessThan(250);
  });

  test('its command line, its bundled worker and its database run', () => {
    expect(run('--version').stdout).toBe(`${version}\n`);
    expect(run('worker')).toMatchObject({ status: 2, stderr: expect.stringContaining('JOBPULSE_WORKER is not set') });
    const example = join(project, 'examples/vacancies/pipeline.yaml');
    expect(run('validate', example)).toMatchObject({ status: 0, stderr: '' });
  });

  test('a whole run works, with the worker processes that it starts', () => {
    const example = join(project, 'examples/vacancies/pipeline.yaml');
    const { status, stdout, stderr } = run('run', example, '--data-dir', join(root, 'tmp/data'));
    expect(status, stdout + stderr).toBe(0);
  }, 120_000);

  test('the bill of materials names what is in it, and not what only made it', () => {
    const bill = JSON.parse(readFileSync(join(root, 'usr/share/doc/jobpulse/sbom.cdx.json'), 'utf8'));
    const names = bill.components.map(({ name }: { name: string }) => name);
    const parts = ['bullmq', 'zod', '@duckdb/node-api', '@kubernetes/client-node', 'node', 'libc6', 'tzdata'];
    expect(names).toEqual(expect.arrayContaining(parts));
    expect(names.filter((name: string) => ['typescript', 'vitest', 'rolldown', 'jobpulse'].includes(name))).toEqual([]);
    expect(new Set(names).size).toBe(names.length);
    const licences = readFileSync(join(root, 'usr/share/doc/jobpulse/licenses.txt'), 'utf8');
    expect(licences).toMatch(/^bullmq .*MIT/m);
  });
});

test.skipIf(process.platform !== 'linux')('the same files make the same archive', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobpulse-test-archive-'));
  try {
    const archives = [];
    for (const name of ['a', 'b']) {
      const root = mkdtempSync(join(folder, 'root-'));
      writeFileSync(join(root, 'file'), 'content');
      await writeArchive(root, 'made-up:1', configOf(dockerfile), join(folder, `${name}.tar`));
      archives.push(readFileSync(join(folder, `${name}.tar`)));
    }
    expect(archives[0]?.equals(archives[1] as Buffer)).toBe(true);
    expect(execFileSync('tar', ['-tf', join(folder, 'a.tar')], { encoding: 'utf8' })).toMatch(/^manifest.json\n/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
