import { UnrecoverableError } from 'bullmq';
import { expect, test } from 'vitest';
import { createMetrics } from '../../src/observability/metrics.ts';
import { stepMeter } from '../../src/observability/stepMeter.ts';
import { scrape } from './scrape.ts';

test('jobs are counted by how they end, and those under way at the scrape', async () => {
  const metrics = createMetrics();
  const meter = stepMeter(metrics, 'jobs', 'clean');
  const work = (end: () => Promise<unknown>) => meter.during('usajobs', 'clean', end);
  await work(async () => 'published');
  await work(async () => 'alreadyPublished');
  await work(async () => ({ steps: [] })); // a plan
  await expect(work(() => Promise.reject(new UnrecoverableError('no')))).rejects.toThrow('no');
  await expect(work(() => Promise.reject(new Error('later')))).rejects.toThrow('later');
  const held = Promise.withResolvers<string>();
  const underWay = work(() => held.promise);
  expect(await meter.asking(async () => 'lease')).toBe('lease');
  const values = await scrape(metrics);
  const of = 'namespace="jobs",pipeline="usajobs",stage="clean"';
  const ended = (result: string) => values.get(`jobpulse_worker_steps_total{${of},result="${result}"}`);
  expect(['published', 'alreadyPublished', 'failed', 'returned'].map(ended)).toEqual([2, 1, 1, 1]);
  expect(values.get('jobpulse_worker_busy{namespace="jobs",pool="clean"}')).toBe(1);
  expect(values.get('jobpulse_lease_wait_seconds_count{namespace="jobs"}')).toBe(1);
  held.resolve('published');
  await underWay;
  expect((await scrape(metrics)).get('jobpulse_worker_busy{namespace="jobs",pool="clean"}')).toBe(0);
});
