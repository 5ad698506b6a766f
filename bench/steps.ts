import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlowProducer, type Job, Queue, QueueEvents, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { unlimited } from '../src/connectors/http/limiter.ts';
import { filesystemStore, prefixed } from '../src/connectors/stores/filesystem.ts';
import { cacheFolder } from '../src/controller/standalone/folders.ts';
import { provideRedis } from '../src/controller/standalone/redis.ts';
import { type Lake, manifestPath, putSpec } from '../src/lake/lake.ts';
import { createLogger } from '../src/observability/log.ts';
import { createMetrics } from '../src/observability/metrics.ts';
import { stepMeter } from '../src/observability/stepMeter.ts';
import { openBusy } from '../src/queue/busy.ts';
import { connect } from '../src/queue/connection.ts';
import { jobId, prefixOf, queueName } from '../src/queue/names.ts';
import { payloadVersion, type StepPayload } from '../src/queue/payload.ts';
import type { Step } from '../src/run/types.ts';
import { serve } from '../src/workers/serve.ts';
import type { Stage } from '../src/workers/stage.ts';
import { type Comparison, compare, timed } from './compare.ts';

const jobs = 1500;
const links = 40;
const concurrency = 16;
const namespace = 'default';
const ledger = { read: 0, expanded: 0, clean: 0, rejected: {}, filtered: 0, deduplicated: 0 };

/** What our layer costs over BullMQ: many independent steps, and a chain in which each waits for the one before. */
export async function steps(): Promise<Comparison[]> {
  const dataDir = mkdtempSync(join(tmpdir(), 'jobpulse-bench-'));
  const log = createLogger({ level: 'error' });
  const redis = await provideRedis({ dataDir, cacheDir: cacheFolder(), log, signal: new AbortController().signal });
  const opened: Redis[] = [];
  const open = () => {
    const connection = connect(redis.connection);
    opened.push(connection);
    return connection;
  };
  const connection = open();
  const prefix = prefixOf(namespace);
  const lake: Lake = {
    store: prefixed(filesystemStore(join(dataDir, 'lake')), 'default/bench'),
    pipeline: 'default/bench',
  };
  const spec = await putSpec(lake, { stage: 'Clean' });

  const config = {
    pool: 'clean',
    namespace,
    redis: redis.connection,
    lake: join(dataDir, 'lake'),
    warehouse: '',
  } as const;
  const place = {
    ...{ namespace, worker: 'bench', redis: connection, scratch: join(dataDir, 'scratch'), log },
    busy: openBusy(connection, namespace, 'clean', 'bench'),
    meter: stepMeter(createMetrics(), namespace, 'clean'),
    stages: { Clean: (async () => ({ ledger })) as Stage<never> },
    secret: () => undefined,
    redact: (text: string) => text,
    allowPrivateNetworks: true,
    limits: { limiter: () => unlimited },
    crashPoint: () => undefined,
  };
  const server = serve(place, { ...config, scratch: '', allowPrivateNetworks: true, concurrency }, 'bench', '');
  const raw = new Worker('raw.clean', (job: Job<StepPayload>) => rawStep(job), {
    connection: open(),
    prefix,
    concurrency,
  });
  /** The same lake write under one lock, and nothing else. */
  async function rawStep({ data }: Job<StepPayload>): Promise<void> {
    const lock = `${prefix}:raw:${data.step.key}`;
    if ((await connection.set(lock, 'bench', 'PX', 10_000, 'NX')) === null) throw new Error('locked');
    await lake.store.putIfAbsent(manifestPath(data.step), Buffer.from(JSON.stringify({ ...data, ledger })));
    await connection.del(lock);
  }

  let runs = 0;
  const payload = (run: string, at: number): StepPayload => {
    const slice = { asOf: '2026-01-01T00:00:00.000Z', params: '' };
    const step: Step = { key: `${run}x${at}`, stage: 'Clean', dataset: run, slice, part: '0', spec, inputs: [] };
    return { v: payloadVersion, run, asOf: slice.asOf, notAfter: '9999-12-31', step };
  };
  const many = (name: string) => async () => {
    const run = `many${runs++}`;
    const queue = new Queue(name, { connection, prefix });
    const events = new QueueEvents(name, { connection: open(), prefix });
    await events.waitUntilReady();
    const done = new Promise<void>((resolve) => {
      let left = jobs;
      events.on('completed', () => --left === 0 && resolve());
    });
    const data = Array.from({ length: jobs }, (_, at) => payload(run, at));
    const seconds = await timed(async () => {
      await queue.addBulk(
        data.map((each) => ({ name: 'Clean', data: each, opts: { jobId: jobId(run, 0, each.step.key) } })),
      );
      await done;
    });
    await events.close();
    return seconds;
  };
  const flows = new FlowProducer({ connection, prefix });
  const chain = (name: string) => async () => {
    const run = `chain${runs++}`;
    const events = new QueueEvents(name, { connection: open(), prefix });
    await events.waitUntilReady();
    const seconds = await timed(async () => {
      const tree = await flows.add(link(name, run, links - 1));
      await tree.job.waitUntilFinished(events);
    });
    await events.close();
    return seconds;
  };
  const link = (name: string, run: string, at: number): Parameters<FlowProducer['add']>[0] => {
    const data = payload(run, at);
    const job = { name: 'Clean', queueName: name, data, opts: { jobId: jobId(run, 0, data.step.key) } };
    return at === 0 ? job : { ...job, children: [link(name, run, at - 1)] };
  };

  const ours = queueName('bench', 'clean');
  const results = [
    await compare(
      `${jobs} steps, against BullMQ jobs with one lock and the same lake write`,
      'throughput ≥ 0.8 of theirs',
      5,
      many(ours),
      many('raw.clean'),
      (a, b) => b / a,
    ),
    await compare(
      `a chain of ${links} steps, against the same flow of BullMQ jobs`,
      'seconds beyond theirs < 0.15',
      7,
      chain(ours),
      chain('raw.clean'),
      (a, b) => a - b,
    ),
  ];
  await server.close();
  await raw.close();
  for (const each of opened) each.disconnect();
  await redis.stop();
  rmSync(dataDir, { recursive: true, force: true });
  return results;
}
