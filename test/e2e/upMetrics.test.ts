import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { scrape } from '../observability/scrape.ts';
import { jobpulse, root, start, temporaryFolder } from './harness.ts';

const example = join(root, 'examples', 'vacancies');
const patiently = { timeout: 60_000, interval: 200 };

test('up serves metrics that agree with the report of a run that another command asked for', async () => {
  const folder = temporaryFolder();
  const [manifests, dataDir] = [join(folder, 'manifests'), join(folder, 'data')];
  mkdirSync(manifests);
  for (const name of ['pipeline.yaml', 'bolsa-de-empleo.csv']) copyFileSync(join(example, name), join(manifests, name));
  const { child } = start(['up', manifests, '--data-dir', dataDir, '--metrics-port', '0']);
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  await expect.poll(() => said, patiently).toMatch(/http:\/\/127\.0\.0\.1:\d+\/metrics/);
  const url = /http:\/\/[\d.:]+/.exec(said)?.[0] ?? '';
  const get = async (path: string) => (await fetch(`${url}${path}`)).text();
  const values = () => scrape({ text: () => get('/metrics') });
  await expect.poll(() => get('/readyz'), patiently).toBe('ok\n');
  const of = 'namespace="default",pipeline="vacancies"';
  const failed = `jobpulse_runs_total{${of},result="Failed",trigger="Schedule"}`;
  await expect.poll(async () => (await values()).get(failed), patiently).toBe(0);

  const run = ['run', join(manifests, 'pipeline.yaml'), '--data-dir', dataDir, '-o', 'json'];
  const { stdout } = await jobpulse(run);
  const report = JSON.parse(stdout) as { datasets: { name: string; read: number; added: number }[] };
  const succeeded = `jobpulse_runs_total{${of},result="Succeeded",trigger="Manual"}`;
  await expect.poll(async () => (await values()).get(succeeded), patiently).toBe(1);
  const seen = await values();
  for (const { name, read, added } of report.datasets) {
    const rows = (outcome: string) => seen.get(`jobpulse_rows_total{${of},dataset="${name}",outcome="${outcome}"}`);
    expect({ name, read: rows('read'), added: rows('added') }).toEqual({ name, read, added });
    expect(read).toBeGreaterThan(0);
  }
  expect(seen.get(`jobpulse_conserved{${of}}`)).toBe(1);
  expect(seen.get('jobpulse_leader')).toBe(1);
  expect(seen.get('jobpulse_replicas{namespace="default",pipeline="",pool="extract",kind="desired"}')).toBeDefined();
  await expect.poll(async () => (await values()).get(`jobpulse_backlog{${of},pool="clean"}`), patiently).toBe(0);
  expect(seen.get('jobpulse_loop_lag_seconds{quantile="0.99"}')).toBeDefined();

  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(130);
  await expect(get('/livez')).rejects.toThrow();
});
