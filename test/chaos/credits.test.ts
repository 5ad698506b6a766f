import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Pipeline, type PipelineRun, parsePipeline } from '../../src/api/index.ts';
import type { PoolName } from '../../src/queue/names.ts';
import { root } from '../e2e/harness.ts';
import { type CoresignalDouble, startCoresignal } from '../servers/coresignal/double.ts';
import { openCrew } from './crew.ts';
import { newRun } from './workers.ts';

const perSecond = 5;
const sizes: Readonly<Record<PoolName, number>> = { extract: 8, clean: 2, warehouse: 1 };
const postings = 40;
const killEveryMs = 4_000;
/** Then they are left alone: what a killed worker held comes back after ten seconds. */
const mostKills = 6;
/** Requests that may be under way in all workers: `limits.concurrency` of the example. */
const concurrency = 4;

/** The example under another name, at the double, with a budget of its own. */
function pipelineOf(name: string, { url }: CoresignalDouble, budget: number): Pipeline {
  const text = readFileSync(join(root, 'examples', 'coresignal', 'pipeline.yaml'), 'utf8')
    .replace('name: coresignal\n', `name: ${name}\n`)
    .replaceAll('https://api.coresignal.com', url)
    .replace('chunk: 50', 'chunk: 5')
    .replace('budget: 500', `budget: ${budget}`);
  const parsed = parsePipeline(text, name);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.pipeline;
}

interface Setting {
  readonly budget: number;
  readonly pipelines?: readonly string[];
  /** Runs of each pipeline, all at the same time. */
  readonly runs?: readonly Partial<PipelineRun['spec']>[];
  readonly isDisturbed?: boolean;
}

async function play({ budget, pipelines: names = ['one', 'two'], runs: specs = [{}], isDisturbed = true }: Setting) {
  const double = await startCoresignal({ seed: 5, postings, dirty: false, latencyMs: 30 });
  const pipelines = names.map((name) => pipelineOf(name, double, budget));
  const crew = await openCrew({ pipelines, sizes, env: { CORESIGNAL_API_KEY: double.key } });
  let kills = 0;
  const killer = setInterval(() => {
    if (isDisturbed && kills < mostKills) crew.kill(kills++, ['extract']);
  }, killEveryMs);
  const wiping = setTimeout(() => isDisturbed && crew.redis.flushall(), 15_000);
  onTestFinished(async () => {
    clearInterval(killer);
    clearTimeout(wiping);
    await crew.stop();
    await double.close();
  });
  const asked = names.flatMap((name) => specs.map((spec, at) => runOf(name, at, spec)));
  const runs = await Promise.all(asked.map((run) => crew.finish(run)));
  return { runs, kills, ledger: double.ledger() };
}

/** Each is as of a moment of its own. */
function runOf(pipeline: string, at: number, spec: Partial<PipelineRun['spec']>): PipelineRun {
  const run = newRun(pipeline);
  const metadata = { ...run.metadata, name: `${pipeline}-${at}` };
  return {
    ...run,
    metadata,
    spec: { ...run.spec, ...spec },
    status: { asOf: new Date(Date.now() + at).toISOString() },
  };
}

test('8 workers that are killed, a wiped Redis, two pipelines with one key: neither rate nor budget is exceeded', async () => {
  const ideal = 2 * postings;
  const { runs, kills, ledger } = await play({ budget: 500 });
  console.log(
    `${kills} kills: ${ledger.credits.spent} credits for ${ideal}, at most ${ledger.busiestSecond} requests in a second`,
  );
  expect(runs.map(({ status }) => status?.phase)).toEqual(['Succeeded', 'Succeeded']);
  expect(kills).toBe(mostKills);
  expect(ledger.busiestSecond).toBeLessThanOrEqual(perSecond);
  expect(ledger.throttled).toBe(0);
  expect(Object.keys(ledger.paid)).toHaveLength(postings);
  expect(ledger.credits.spent).toBeGreaterThanOrEqual(ideal);
  expect(ledger.credits.spent).toBeLessThanOrEqual(ideal + kills * concurrency);
}, 300_000);

test('a budget that two pipelines share is never exceeded, whoever is killed', async () => {
  const budget = 50;
  const { runs, kills, ledger } = await play({ budget });
  console.log(`${kills} kills: ${ledger.credits.spent} credits of ${budget}`);
  expect(runs.map(({ status }) => status?.phase)).toEqual(['Succeeded', 'Succeeded']);
  expect(ledger.credits.spent).toBeLessThanOrEqual(budget);
  expect(ledger.credits.spent).toBeGreaterThan(budget / 2);
  const deferred = runs
    .flatMap(({ status }) => status?.datasets ?? [])
    .reduce((sum, { deferred = 0 }) => sum + deferred, 0);
  expect(deferred).toBeGreaterThan(0);
}, 300_000);

/** Live runs, and a backfill over a part of what they ask for. */
const together = [{}, {}, { interval: { start: '2024-12-01T00:00:00.000Z', end: '2024-12-02T00:00:00.000Z' } }];

test.for([false, true])(
  'runs of one pipeline at the same time pay for each record once (with kills: %s)',
  { timeout: 300_000 },
  async (isDisturbed) => {
    const { runs, kills, ledger } = await play({ budget: 500, pipelines: ['one'], runs: together, isDisturbed });
    console.log(`${runs.length} runs, ${kills} kills: ${ledger.credits.spent} credits for ${postings}`);
    expect(runs.map(({ status }) => status?.phase)).toEqual(runs.map(() => 'Succeeded'));
    expect(Object.keys(ledger.paid)).toHaveLength(postings);
    expect(ledger.credits.spent).toBeGreaterThanOrEqual(postings);
    expect(ledger.credits.spent).toBeLessThanOrEqual(postings + kills * concurrency);
  },
);
