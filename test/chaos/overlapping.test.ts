import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type Pipeline, type PipelineRun, parsePipeline } from '../../src/api/index.ts';
import { lakeOf } from '../../src/controller/standalone/lake.ts';
import { listManifests } from '../../src/lake/lake.ts';
import { layout } from '../../src/lake/layout.ts';
import type { PoolName } from '../../src/queue/names.ts';
import { conserved } from '../../src/run/ledger.ts';
import type { RunReport } from '../../src/run/report.ts';
import { ask } from '../e2e/harness.ts';
import { type PeriodsDouble, startPeriods } from '../servers/periods.ts';
import { random } from '../servers/usajobs/random.ts';
import { type Crew, openCrew } from './crew.ts';
import { newRun } from './workers.ts';

/**
 * Live runs and backfills over overlapping periods, at the same time, some of them twice, while workers are killed and
 * Redis is emptied. Whatever happens, the tables must be those of runs that nobody disturbed.
 *
 * A round is some repetitions side by side with one seed. `CHAOS_ROUNDS=20 CHAOS_SEED=100` does 20 rounds from that seed
 * on: 100 repetitions. A round that fails names its seed.
 */
const rounds = Number(process.env.CHAOS_ROUNDS ?? 1);
const firstSeed = Number(process.env.CHAOS_SEED ?? 1);
const repetitions = 5;
const sizes: Readonly<Record<PoolName, number>> = { extract: 2, clean: 2, warehouse: 1 };
const pools = Object.keys(sizes) as PoolName[];
/** A round that takes longer hangs. */
const boundMs = 600_000;

const hour = 3_600_000;
/** The period that the runs are about begins here. */
const begin = Date.parse('2026-03-10T00:00:00Z');
/** The logical time of the last live run. */
const end = begin + 5 * hour + 5 * 60_000;
const iso = (at: number): string => new Date(at).toISOString();

const dataset = (name: string, window: string, load: string, more = ''): string => `
    - name: ${name}
      key: [id]${more}
      extract:
        window: {start: "${iso(begin)}", every: 1h, lookback: 1, ${window}}
        rest:
          baseUrl: @
          path: /events
          query: {since: "{{ slice.start }}", until: "{{ slice.end }}", asOf: "{{ slice.asOf }}"}
      format: {json: {records: "$[*]"}}
      clean:
        columns:
          - {name: id, type: string, from: $.id, required: true}
          - {name: at, type: timestamp, from: $.at, required: true}
          - {name: state, type: string, from: $.state}
          - {name: revision, type: integer, from: $.revision}
      load: {mode: ${load}}`;

function pipelineOf(name: string, { url }: PeriodsDouble): Pipeline {
  const text = `
apiVersion: jobpulse.dev/v1alpha1
kind: Pipeline
metadata: {name: ${name}}
spec:
  datasets:${dataset('events', 'maxSlicesPerRun: 4', 'Merge')}${dataset('spans', 'maxSpan: 3h', 'Merge', '\n      version: revision')}${dataset('history', 'maxSlicesPerRun: 10', 'SCD2')}
  transform:
    models:
      - name: hours
        materialize: Table
        sql: SELECT date_trunc('hour', "at") AS hour, count(*) AS n FROM events GROUP BY ALL
      - name: settled
        materialize: Incremental
        key: [id]
        sql: SELECT id, state FROM spans WHERE state = 'settled'
`.replaceAll('@', url);
  const parsed = parsePipeline(text, name);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.pipeline;
}

interface Asked {
  readonly name: string;
  readonly asOf: number;
  readonly spec?: Partial<PipelineRun['spec']>;
  readonly delayMs: number;
}

const runOf = (pipeline: string, { name, asOf, spec }: Asked): PipelineRun => {
  const run = newRun(pipeline);
  const metadata = { ...run.metadata, name: `${pipeline}-${name}` };
  return { ...run, metadata, spec: { ...run.spec, ...spec }, status: { asOf: iso(asOf) } } as PipelineRun;
};

/** What runs at the same time in one repetition. */
function storyOf(seed: number, at: number): readonly Asked[] {
  const chance = random(seed, `repetition ${at}`);
  const delayMs = () => chance.integer(0, 8_000);
  const live = [2, 1, 0].map(
    (before, n): Asked => ({ name: `live${n}`, asOf: end - before * hour - n, delayMs: delayMs() }),
  );
  const backfills = Array.from({ length: chance.integer(2, 3) }, (_, n): Asked => {
    const from = chance.integer(0, 3);
    const interval = { start: iso(begin + from * hour), end: iso(begin + chance.integer(from + 1, 6) * hour) };
    const spec = { interval, refresh: chance.chance(0.4) };
    return { name: `backfill${n}`, asOf: end - chance.integer(1000, 3 * hour), spec, delayMs: delayMs() };
  });
  const [first] = backfills;
  const twice = first ? [{ ...first, name: 'twice', asOf: first.asOf + chance.integer(0, 1), delayMs: delayMs() }] : [];
  const replays = Array.from({ length: chance.integer(0, 2) }, (_, n): Asked => {
    const spec = { from: chance.pick(['Clean', 'Load'] as const), refresh: true };
    return { name: `replay${n}`, asOf: end - 500 - n, spec, delayMs: delayMs() };
  });
  return [...live, ...backfills, ...twice, ...replays];
}

/** Live runs until there is nothing more to ask for. */
async function complete(crew: Crew, pipeline: string, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < 6; at += 1) {
    const run = await crew.finish(runOf(pipeline, { name: `last${at}`, asOf: end + 1 + at, delayMs: 0 }), signal);
    expect(run.status?.phase, JSON.stringify(run.status)).toBe('Succeeded');
    const report = await lakeOf(crew.dataDir, pipeline).store.get(layout.runReport(run.metadata.name));
    const { datasets } = JSON.parse(report?.toString() ?? '{}') as RunReport;
    if (!datasets.some(({ slicesMissing = 0 }) => slicesMissing > 0)) return;
  }
  throw new Error(`${pipeline}: slices are missing after six runs`);
}

/** Kills workers and empties Redis, until it is told to stop. */
async function disturb(crew: Crew, seed: number, signal: AbortSignal): Promise<string> {
  const chance = random(seed, 'disturbances');
  const done: string[] = [];
  for (let at = 0; at < 8; at += 1) {
    await sleep(chance.integer(500, 4_000), undefined, { signal }).catch(() => undefined);
    if (signal.aborted) break;
    const pool = chance.pick(pools);
    crew.kill(chance.integer(0, 10), [pool]);
    if (chance.chance(0.25)) await crew.redis.flushall();
    done.push(pool);
  }
  return done.join(', ');
}

/** Table → what tells its rows apart, and what each row is. */
const tables = {
  events: ['id', '_row_hash'],
  spans: ['id', '_row_hash'],
  history: [`id || _valid_from`, `_row_hash || _valid_from || coalesce(_valid_to::VARCHAR, '')`],
  hours: ['hour', `hour || ' ' || n`],
  settled: ['id', `id || ' ' || state`],
} as const;

/** The rows of each table, whoever loaded them, and how many keys it has. */
async function tablesOf({ dataDir }: Crew, pipeline: string) {
  const selects = Object.entries(tables).map(
    ([table, [key, row]]) =>
      `SELECT '${table}' AS name, count(*)::INTEGER AS rows, count(DISTINCT ${key})::INTEGER AS keys,
         md5(string_agg(${row}, ',' ORDER BY ${row})) AS hash FROM ${pipeline}.${table}`,
  );
  return ask(dataDir, selects.join(' UNION ALL '));
}

test.for(Array.from({ length: rounds }, (_, at) => firstSeed + at))(
  `${repetitions} times live runs and backfills over the same periods, with kills: the tables of an undisturbed run (seed %i)`,
  { timeout: boundMs + 60_000 },
  async (seed) => {
    const double = await startPeriods();
    const names = Array.from({ length: repetitions }, (_, at) => `r${at}`);
    const pipelines = ['undisturbed', ...names].map((name) => pipelineOf(name, double));
    const crew = await openCrew({ pipelines, sizes, env: {} });
    onTestFinished(async () => {
      await crew.stop();
      await double.close();
    });
    const signal = AbortSignal.timeout(boundMs);
    await complete(crew, 'undisturbed', signal);
    const over = new AbortController();
    const disturbing = disturb(crew, seed, over.signal);
    const startedAt = performance.now();
    const told = names.map(async (name, at) => {
      const runs = storyOf(seed, at).map(async (asked) => {
        await sleep(asked.delayMs);
        return crew.finish(runOf(name, asked), signal);
      });
      const ended = (await Promise.all(runs)).map(({ metadata, status }) => [metadata.name, status?.phase, status]);
      expect(
        ended.map(([, phase]) => phase),
        JSON.stringify(ended, null, 1),
      ).toEqual(ended.map(() => 'Succeeded'));
      await complete(crew, name, signal);
    });
    await Promise.all(told);
    over.abort();
    console.log(`seed ${seed}: ${((performance.now() - startedAt) / 1000).toFixed(0)} s; killed: ${await disturbing}`);
    await crew.dismiss();
    const expected = await tablesOf(crew, 'undisturbed');
    expect(expected.map(({ rows, keys }) => [Number(rows) >= 5, keys === rows])).toEqual(
      expected.map(() => [true, true]),
    );
    for (const name of names) {
      expect(await tablesOf(crew, name), name).toEqual(expected);
      expect(conserved(await listManifests(lakeOf(crew.dataDir, name))), name).toMatchObject({ status: 'True' });
    }
  },
);
