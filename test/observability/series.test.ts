import { expect, test } from 'vitest';
import { createMetrics } from '../../src/observability/metrics.ts';
import { cleaned, manifest } from '../run/reportManifests.ts';
import { scrape } from './scrape.ts';

const clean = (key: string, ledger = cleaned({ clean: 5 })) => manifest({ stage: 'Clean', key, ledger });
const of = 'namespace="jobs",pipeline="a",dataset="postings"';
const read = `jobpulse_rows_total{${of},outcome="read"}`;
const steps = `jobpulse_step_seconds_count{${of},stage="clean"}`;

test('a counter that is new is seen at zero by two scrapes, and then has all that was counted', async () => {
  const metrics = createMetrics({ served: true });
  const look = async () => {
    const values = await scrape(metrics);
    return { read: values.get(read), steps: values.get(steps) };
  };
  metrics.recordManifest(clean('1'), 'jobs', 'a');
  expect(await look()).toEqual({ read: 0, steps: 0 });
  metrics.recordManifest(clean('2'), 'jobs', 'a');
  expect(await look()).toEqual({ read: 0, steps: 0 });
  expect(await look()).toEqual({ read: 10, steps: 2 });
  metrics.recordManifest(clean('3'), 'jobs', 'a');
  expect(await look()).toEqual({ read: 15, steps: 3 });
});

test('one that is not scraped has its figures at once', async () => {
  const metrics = createMetrics();
  metrics.recordManifest(clean('1'), 'jobs', 'a');
  expect((await scrape(metrics)).get(read)).toBe(5);
});

test('what waits is forgotten with its pipeline', async () => {
  const metrics = createMetrics({ served: true });
  metrics.recordManifest(clean('1'), 'jobs', 'a');
  await scrape(metrics);
  metrics.retain(() => false);
  for (let look = 0; look < 3; look += 1) expect((await scrape(metrics)).has(read)).toBe(false);
  metrics.recordManifest(clean('2'), 'jobs', 'a');
  expect((await scrape(metrics)).get(read)).toBe(0);
});

test('nobody scrapes: what waits has a bound', async () => {
  const metrics = createMetrics({ served: true });
  for (let step = 0; step < 700; step += 1) metrics.recordManifest(clean(String(step)), 'jobs', 'a');
  const values = await scrape(metrics);
  expect(values.get(steps)).toBe(700);
  expect(values.get(read)).toBe(0); // one sum waits
});
