import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pipeline as pipelineSchema } from '../../src/api/index.ts';
import { manifestDigest } from '../../src/lake/lake.ts';
import { windowsOf } from '../../src/run/extracts.ts';
import { fromIso, holds, type Interval, union } from '../../src/run/intervals.ts';
import { type PlanInput, plan, type RunRequest } from '../../src/run/plan.ts';
import { finishedSlices, isWindow } from '../../src/run/slices.ts';
import { resolveSpecs } from '../../src/run/specs.ts';
import type { Manifest, Step } from '../../src/run/types.ts';
import { currentWindows } from '../../src/run/windows.ts';

const hour = 3_600_000;
const start = Date.parse('2026-03-28T00:00:00Z');
const iso = (hours: number): string => new Date(start + hours * hour).toISOString();
const period = (from: number, to: number) => ({ start: iso(from), end: iso(to) });

interface Rules {
  readonly lookback?: number;
  readonly maxSpan?: string;
  readonly maxSlicesPerRun?: number;
  readonly every?: string;
  readonly column?: string;
}

/** A lake of an hourly window dataset, which answers each step with what a worker would publish. */
class Windows {
  manifests: Manifest[] = [];
  rules: Rules;
  /** Extract parts of each window. */
  parts = 1;
  private clock = 0;

  constructor(rules: Rules = {}) {
    this.rules = rules;
  }

  input(run: Partial<RunRequest> & { readonly asOf: string }): PlanInput {
    return {
      pipeline: 'default/p',
      run: { name: `p-${run.asOf}`, from: 'Extract', ...run },
      slice: { asOf: run.asOf, params: '00000000' },
      specs: specsOf(this.rules),
      manifests: this.manifests,
      failures: [],
      expired: new Set(),
    };
  }

  /** Carries out waves until nothing is left; returns the windows asked for, in the order in which they were. */
  run = (run: Partial<RunRequest> & { readonly asOf: string }): string[] => this.waves(run).flat();

  /** The same, wave by wave. */
  waves(run: Partial<RunRequest> & { readonly asOf: string }): string[][] {
    const asked: string[][] = [];
    for (let wave = 0; wave < 100; wave += 1) {
      const steps = plan(this.input(run));
      if (steps.length === 0) return asked;
      asked.push(steps.filter(({ stage, part }) => stage === 'Extract' && part === '0').map(hours));
      for (const step of steps) this.publish(step, this.input(run).run.name);
    }
    throw new Error('the plan never became empty');
  }

  publish({ key, stage, dataset, slice, part, spec, inputs }: Step, run: string): void {
    if (this.manifests.some((manifest) => manifest.key === key)) return;
    const at = new Date(1_900_000_000_000 + 1000 * this.clock++).toISOString();
    const read = inputs.map((path) => this.manifests.find((manifest) => path.includes(manifest.key)));
    const more = stage === 'Extract' && Number(part) + 1 < this.parts;
    this.manifests.push({
      ...{ v: 1, key, stage, dataset, run, epoch: 1, slice, part, spec, complete: !more, schema: [], versions: {} },
      inputs: read.map((manifest) => (manifest ? manifestDigest(manifest) : 'missing')),
      ledger: { listed: 1, fetched: 1, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
      partitions: [{ values: {}, rows: 1, rowsHash: 'rows', files: [] }],
      source: more ? { next: `${Number(part) + 1}` } : {},
      cost: { requests: 1, bytes: 0, credits: 0 },
      ...{ startedAt: at, finishedAt: at },
    });
  }

  windows(asOf: string) {
    const input = this.input({ asOf });
    const [specs] = input.specs.datasets;
    const windows = specs && windowsOf(input, specs);
    if (!windows) throw new Error('no window dataset');
    return windows;
  }

  looks = () => finishedSlices(this.manifests, 'jobs');
}

/** A window in hours since the start. */
function hours({ slice }: Pick<Step, 'slice'>): string {
  if (!isWindow(slice)) throw new Error('not a window');
  const from = fromIso(slice);
  return `${(from.start - start) / hour}-${(from.end - start) / hour}`;
}

function specsOf({ every = '1h', column = 'id', ...window }: Rules) {
  const pipeline = pipelineSchema.parse({
    apiVersion: 'jobpulse.dev/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: 'p' },
    spec: {
      datasets: [
        {
          name: 'jobs',
          key: ['id'],
          extract: {
            window: { start: iso(0), every, ...window },
            rest: { baseUrl: 'https://api.example.org', path: '/jobs', query: { since: '{{ slice.start }}' } },
          },
          format: { json: { records: '$[*]' } },
          clean: { columns: [{ name: 'id', type: 'string', from: `$.${column}` }] },
          load: { mode: 'Merge' },
        },
      ],
    },
  });
  return resolveSpecs(pipeline, { params: {}, warehouse: 'w', tablesOf: new Map(), functions: () => '' });
}

describe('windows', () => {
  test('are asked for once they have ended, newest first, as slices or as spans', () => {
    expect(new Windows().run({ asOf: iso(3.5) })).toEqual(['2-3', '1-2', '0-1']);
    expect(new Windows({ maxSpan: '2h' }).run({ asOf: iso(5.1) })).toEqual(['3-5', '1-3', '0-1']);
    expect(new Windows({ maxSpan: '400d' }).run({ asOf: iso(5) })).toEqual(['0-5']);
    expect(new Windows().run({ asOf: iso(0.9) })).toEqual([]);
  });

  test('beyond what one run may plan are left to the next, and told', () => {
    const lake = new Windows({ maxSlicesPerRun: 2 });
    expect(lake.windows(iso(5)).left).toBe(3);
    expect(lake.run({ asOf: iso(5) })).toEqual(['4-5', '3-4']);
    expect(lake.run({ asOf: iso(5.2) })).toEqual(['2-3', '1-2']);
    expect(lake.run({ asOf: iso(6.2) })).toEqual(['5-6', '0-1']);
    expect(lake.windows(iso(6.3))).toMatchObject({ asked: [], due: [], left: 0, covered: [fromIso(period(0, 6))] });
  });

  test('of a run about a period are all asked for, so many at a time; also when they are asked for once more', () => {
    const lake = new Windows({ maxSlicesPerRun: 2 });
    lake.run({ asOf: iso(1) });
    const backfill = { asOf: iso(9.5), interval: period(0, 6) };
    expect(lake.waves(backfill)).toEqual([['5-6', '4-5'], ['3-4', '2-3'], ['1-2'], [], []]);
    expect(lake.windows(iso(9.6))).toMatchObject({ covered: [fromIso(period(0, 6))], left: 1 });
    expect(lake.run({ ...backfill, asOf: iso(9.7) })).toEqual([]);
    expect(lake.run({ ...backfill, asOf: iso(9.8), refresh: true })).toEqual([
      '5-6',
      '4-5',
      '3-4',
      '2-3',
      '1-2',
      '0-1',
    ]);
  });

  test('are asked for again by each run until the lookback is over', () => {
    const lake = new Windows({ lookback: 2 });
    expect(lake.run({ asOf: iso(3) })).toEqual(['2-3', '1-2', '0-1']);
    expect(lake.run({ asOf: iso(3.5) })).toEqual(['2-3', '1-2']);
    expect(lake.run({ asOf: iso(4) })).toEqual(['3-4', '1-2', '2-3']);
    expect(lake.run({ asOf: iso(9) })).toEqual(['8-9', '7-8', '6-7', '5-6', '4-5', '3-4', '2-3']);
  });

  test('of a changed request are asked for from now on; of the past only by a run with refresh', () => {
    const lake = new Windows();
    lake.run({ asOf: iso(3) });
    lake.rules = { column: 'other' };
    expect(lake.run({ asOf: iso(4) })).toEqual(['3-4']);
    expect(lake.run({ asOf: iso(4.5), refresh: true, interval: period(1, 3) })).toEqual(['2-3', '1-2']);
    expect(lake.run({ asOf: iso(4.6) })).toEqual([]);
    expect(currentWindows(lake.looks()).map((look) => `${hours(look)} ${look.slice.asOf}`)).toEqual([
      `1-2 ${iso(4.5)}`,
      `2-3 ${iso(4.5)}`,
      `3-4 ${iso(4)}`,
      `0-1 ${iso(3)}`,
    ]);
  });

  test('of a run about a period are those inside it; before the start the source cannot be asked', () => {
    const lake = new Windows();
    expect(lake.run({ asOf: iso(9.5), interval: period(2.5, 5.5) })).toEqual(['4-5', '3-4']);
    const input = lake.input({ asOf: iso(9.6), interval: period(-5, 2) });
    const [specs] = input.specs.datasets;
    expect(specs && windowsOf(input, specs)?.unavailable).toEqual([fromIso(period(-5, 0))]);
  });

  test('that come in parts are gone on with as they were cut, whatever other runs publish meanwhile', () => {
    const lake = new Windows({ maxSpan: '10h' });
    lake.parts = 3;
    const own = { asOf: iso(8) };
    for (const step of plan(lake.input(own))) lake.publish(step, 'own');
    lake.run({ asOf: iso(8.5), interval: period(2, 4) });
    expect(
      plan(lake.input(own))
        .filter(({ stage }) => stage === 'Extract')
        .map((step) => `${hours(step)} ${step.part}`),
    ).toEqual(['0-8 1']);
  });

  test('are loaded together, in the order of their periods', () => {
    const lake = new Windows();
    const steps = () => plan(lake.input({ asOf: iso(4) }));
    for (const step of steps()) lake.publish(step, 'r');
    for (const step of steps()) lake.publish(step, 'r');
    const [load] = steps();
    expect(load && [load.stage, hours(load), load.inputs.length]).toEqual(['Load', '0-4', 8]);
  });

  test('that were loaded while another run built the table anew without them are loaded once more', () => {
    const lake = new Windows();
    lake.run({ asOf: iso(3) });
    const replay = { name: 'replay', asOf: iso(3.1), from: 'Load', refresh: true } as const;
    const [rebuild] = plan(lake.input(replay));
    lake.run({ asOf: iso(4) });
    if (rebuild) lake.publish(rebuild, 'replay');
    const [again, ...others] = plan(lake.input(replay));
    expect(again && [again.stage, hours(again), others.length]).toEqual(['Load', '3-4', 0]);
    expect(lake.manifests.map(({ key }) => key)).not.toContain(again?.key);
    lake.run(replay);
    expect(lake.run({ asOf: iso(5) })).toEqual(['4-5']);
  });
});

/** What somebody does to the lake: a run with its options that is cut off after some waves, each of which may be lost in part. */
interface Deed {
  readonly run: Partial<RunRequest>;
  readonly waves: number;
  /** Which steps of a wave are lost: one of this many. */
  readonly lost: number;
}

const deed: fc.Arbitrary<Deed> = fc.record({
  run: fc.oneof(
    fc.constant({}),
    fc
      .tuple(fc.integer({ min: -2, max: 20 }), fc.integer({ min: 1, max: 9 }), fc.boolean())
      .map(([from, long, refresh]) => ({
        interval: period(from, from + long),
        refresh,
      })),
  ),
  waves: fc.integer({ min: 0, max: 8 }),
  lost: fc.integer({ min: 2, max: 9 }),
});
const rules: fc.Arbitrary<Rules> = fc.record({
  lookback: fc.integer({ min: 0, max: 3 }),
  maxSlicesPerRun: fc.integer({ min: 1, max: 6 }),
  ...{ maxSpan: fc.constantFrom('1h', '2h', '5h', '40h'), every: fc.constantFrom('1h', '2h', '5h') },
});

function carryOut(lake: Windows, asOf: string, { run, waves, lost }: Deed): void {
  const name = `r-${asOf}`;
  for (let wave = 0; wave < waves; wave += 1) {
    const steps = plan(lake.input({ ...run, name, asOf }));
    expect(new Set(steps.map(({ key }) => key)).size).toBe(steps.length);
    for (const [at, step] of steps.entries()) if ((at + wave) % lost !== 0) lake.publish(step, name);
  }
  if (run.interval) return; // goes on to the end of its period
  const asked = new Set(
    lake.manifests.filter(({ slice, stage }) => slice.asOf === asOf && stage === 'Extract').map(hours),
  );
  expect(asked.size).toBeLessThanOrEqual(lake.rules.maxSlicesPerRun ?? 100);
}

describe('runs and backfills in any order, twice, with lost waves', () => {
  test('end with the same coverage, nothing left to plan and every cleaned window in the table', () => {
    fc.assert(
      fc.property(rules, fc.integer({ min: 1, max: 2 }), fc.array(deed, { maxLength: 6 }), (some, parts, deeds) => {
        const lake = new Windows(some);
        lake.parts = parts;
        for (const [at, each] of [...deeds, ...deeds].entries()) carryOut(lake, iso(10 + at), each);
        const last = 24;
        for (let at = 0; at < 40; at += 1) lake.run({ asOf: iso(last + at / 1000) });
        const { covered, due } = lake.windows(iso(last + 0.1));
        const end = covered.at(-1)?.end ?? start;
        expect(covered).toEqual([{ start, end }]);
        // What is still asked for is not closed yet.
        const { every, lookback } = { every: '1h', lookback: 0, ...some };
        const open = start + last * hour - (lookback + 1) * Number.parseInt(every, 10) * hour;
        expect([end > start + last * hour - 5 * hour, (due[0]?.start ?? end) >= open]).toEqual([true, true]);
        expectAllLoaded(lake);
        expectCurrentOnce(lake);
      }),
      { numRuns: 15 },
    );
  });
});

function expectAllLoaded(lake: Windows): void {
  const loaded = new Set(lake.manifests.filter(({ stage }) => stage === 'Load').flatMap(({ inputs }) => inputs));
  const raw = lake.looks().flatMap(({ parts }) => parts);
  expect(raw.every((manifest) => loaded.has(manifestDigest(manifest)))).toBe(true);
}

/** Every instant that is covered is so by a current look, and none of these is covered by later ones as a whole. */
function expectCurrentOnce(lake: Windows): void {
  const current = currentWindows(lake.looks());
  const periodOf = (look: (typeof current)[number]): Interval => fromIso(look.slice as never);
  expect(union(current.map(periodOf))).toEqual(union(lake.looks().map(periodOf)));
  for (const [at, look] of current.entries()) {
    expect(holds(union(current.slice(0, at).map(periodOf)), periodOf(look))).toBe(false);
  }
}
