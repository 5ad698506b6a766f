import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startReceiver } from '../controller/alerts/receiver.ts';
import { startUsajobs } from '../servers/usajobs/double.ts';
import { jobpulse, secretsOf, start, temporaryFolder, usajobsManifest } from './harness.ts';

const alerts = `  alerts:
    - name: failures
      when: [RunFailed, Stale, SchemaDrift]
      webhook: {urlFrom: {secretKeyRef: {name: alerts, key: url, optional: true}}}
`;

/** The usajobs example, against a double, with somebody to tell. */
async function world() {
  const double = await startUsajobs();
  onTestFinished(() => double.close());
  const folder = temporaryFolder();
  const [manifests, dataDir] = [join(folder, 'manifests'), join(folder, 'data')];
  mkdirSync(manifests);
  const manifest = join(manifests, 'pipeline.yaml');
  const example = readFileSync(usajobsManifest, 'utf8').replace('https://data.usajobs.gov', double.url);
  writeFileSync(manifest, example.replace('spec:\n', `spec:\n${alerts}`));
  const run = (env: NodeJS.ProcessEnv) => jobpulse(['run', manifest, '--data-dir', dataDir], env);
  return { double, manifests, dataDir, run };
}

const refused = { kind: 'Status', status: 403 } as const;
const patiently = { timeout: 60_000, interval: 100 };

test('a source that fails and recovers: one message that it fails, over a restart, and one that it is over', async () => {
  const { double, manifests, dataDir, run } = await world();
  const receiver = await startReceiver();
  const secrets = { ...secretsOf(double), ALERTS_URL: receiver.url };
  const up = () => {
    const { child } = start(['up', manifests, '--data-dir', dataDir], secrets);
    const ended = once(child, 'exit');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    return async () => {
      child.kill('SIGTERM');
      await ended;
    };
  };
  receiver.answer.status = 503; // for a while
  double.fail(100, refused);
  const stop = up();
  expect((await run(secrets)).code).toBe(1);
  await expect.poll(() => receiver.answer.asked, patiently).toBeGreaterThan(1);
  const why = await jobpulse(['why', 'usajobs', '--data-dir', dataDir]);
  expect(why.stdout).toMatch(/alert failures: RunFailed since .*: not told yet: the receiver answered 503/);
  receiver.answer.status = 200;
  const told = () => receiver.taken.map(({ status, alerts }) => [status, alerts.map(({ labels }) => labels.alertname)]);
  await expect.poll(told, patiently).toEqual([['firing', ['JobpulseRunFailed']]]);
  expect(receiver.taken[0]?.alerts[0]?.annotations.description).toContain('Extract of postings: Unauthorized');
  await stop();

  double.reset();
  up();
  expect([0, 3]).toContain((await run(secrets)).code); // a check may warn
  await expect.poll(told, patiently).toEqual([
    ['firing', ['JobpulseRunFailed']],
    ['resolved', ['JobpulseRunFailed']],
  ]);
  for (const text of [readFileSync(join(dataDir, 'alerts.json'), 'utf8'), why.stdout]) {
    expect(text).not.toContain('s3cr3t');
  }
}, 180_000);

test('run tells at its end; without the optional secret nobody is told, and why says so', async () => {
  const { double, dataDir, run } = await world();
  const receiver = await startReceiver();
  double.fail(100, refused);
  expect((await run(secretsOf(double))).code).toBe(1);
  const why = await jobpulse(['why', 'usajobs', '--data-dir', dataDir]);
  expect(why.stdout).toContain('alert failures: nobody is told, for the optional secret alerts, key url is not there');
  const { code, stderr } = await run({ ...secretsOf(double), ALERTS_URL: receiver.url });
  expect(code).toBe(1);
  expect(stderr).not.toContain('alert');
  expect(receiver.taken.map(({ status, receiver }) => [status, receiver])).toEqual([['firing', 'failures']]);
}, 120_000);
