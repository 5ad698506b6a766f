import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listBusy } from '../src/queue/busy.ts';
import { openLoads } from '../src/queue/load.ts';
import { type Flood, namespace, startFlood } from '../test/cluster/flood.ts';
import { followQueue, interruptions, type JobEvent } from '../test/cluster/queueEvents.ts';
import type { Measurement } from './controller.ts';
import { drawScaling } from './scalingPicture.ts';
import { figuresOf, type Sample, type ScalingRecord, textOf, thinned, withFigures } from './scalingRecord.ts';

const guide = join(import.meta.dirname, '..', 'docs', 'guide');
const steps = Number(process.env.BENCH_STEPS ?? 2000);
const sourceMs = 50;
const pipeline = 'postings';
const extract = { concurrency: 4, maxReplicas: 6 };
const everyMs = 500;
const patienceMs = 1_500_000;

/**
 * A backfill of thousands of steps comes to a pool without workers, on a real node that shares this machine. What is
 * seen goes to `docs/guide/scaling.json`, and as a picture and in words to the guide.
 */
export async function scaling(): Promise<readonly Measurement[]> {
  const workers = { extract, clean: { maxReplicas: 1 } };
  const flood = await startFlood({ pipelines: [{ name: pipeline, workers }], delayMs: sourceMs });
  try {
    const record = await watch(flood);
    writeFileSync(join(guide, 'scaling.json'), textOf(record));
    writeFileSync(join(guide, 'scaling.svg'), drawScaling(record));
    const page = join(guide, 'scaling.md');
    writeFileSync(page, withFigures(readFileSync(page, 'utf8'), record));
    return measurements(record);
  } finally {
    await flood.stop();
  }
}

async function watch(flood: Flood): Promise<ScalingRecord> {
  const look = await openLook(flood);
  await flood.backfill(pipeline, steps);
  const deadline = Date.now() + patienceMs;
  const samples: (Sample & { readonly now: number })[] = [];
  let explained = false;
  for (;;) {
    const sample = await look.sample();
    samples.push(sample);
    if (sample.done >= steps && sample.desired === 0 && sample.ready === 0) break;
    if (Date.now() > deadline) throw new Error(`the pool is not at rest: ${JSON.stringify(sample)}`);
    // Once in the middle: what a person who asks is told.
    if (!explained && sample.done > steps / 4) {
      explained = true;
      console.log(await flood.jobpulse('why', pipeline));
      console.log(await flood.kubectl(['describe', 'pipeline', pipeline]));
    }
    await sleep(everyMs);
  }
  await look.close();
  const first = (event: string) => look.events.find((each) => each.event === event)?.at ?? Number.NaN;
  const begun = first('added');
  return {
    ...{ steps, concurrency: extract.concurrency, max: extract.maxReplicas, sourceMs },
    firstStepSeconds: round((first('active') - begun) / 1000),
    interrupted: interruptions(look.events).found.length,
    samples: thinned(
      samples
        .filter(({ now }) => now >= begun)
        .map(({ now, ...sample }) => ({ ...sample, seconds: round((now - begun) / 1000) })),
    ),
  };
}

/** What is looked at: Redis and the API server, beside the controller and not through it. */
async function openLook({ node, redis }: Flood) {
  const api = await node.plane.connect();
  const loads = openLoads(redis, namespace);
  const follow = followQueue(redis, namespace, pipeline, 'extract');
  const events: JobEvent[] = [];
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${pipeline}-extract`;
  let done = 0;
  return {
    events,
    close: () => api.close(),
    async sample() {
      const now = Date.now();
      const [deployment, queues, busy, news] = await Promise.all([
        api.get<{ spec: { replicas: number }; status: { readyReplicas?: number } }>(path),
        loads.readQueues([pipeline], now),
        listBusy(redis, namespace, 'extract'),
        follow(),
      ]);
      events.push(...news);
      done += news.filter(({ event }) => event === 'completed').length;
      const { waiting = 0, prioritized = 0, active = 0, due = 0 } = queues?.get(pipeline)?.extract ?? {};
      return {
        ...{ now, seconds: 0, backlog: waiting + prioritized + active + due, busy: busy.length, done },
        ...{ desired: deployment.spec.replicas, ready: deployment.status.readyReplicas ?? 0 },
      };
    },
  };
}

const round = (seconds: number): number => Math.round(seconds * 100) / 100;

function measurements(record: ScalingRecord): readonly Measurement[] {
  const figures = figuresOf(record);
  const second = (value: number) => `${value.toFixed(1)} s`;
  return [
    { what: 'first step queued → first step running', found: second(record.firstStepSeconds), aim: '< 5 s' },
    { what: 'steps given back, aborted or tried again', found: String(record.interrupted), aim: '0' },
    { what: `${record.steps} steps done after`, found: second(figures.lastStepSeconds) },
    { what: 'steps a second', found: figures.throughput.toFixed(0) },
    { what: 'most workers', found: `${figures.mostReady} of ${record.max}` },
    { what: 'no worker left after the last step for', found: second(figures.zeroSeconds - figures.lastStepSeconds) },
    {
      what: 'time of workers without a step under way',
      found: `${figures.idleSeconds.toFixed(0)} of ${figures.workerSeconds.toFixed(0)} s`,
    },
  ];
}
