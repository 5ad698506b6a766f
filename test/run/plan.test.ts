import { describe, expect, test } from 'vitest';
import { pipeline as pipelineSchema } from '../../src/api/index.ts';
import { manifestDigest } from '../../src/lake/lake.ts';
import { coverageOf } from '../../src/run/extracts.ts';
import { judgeFailures } from '../../src/run/failures.ts';
import { type PlanInput, plan } from '../../src/run/plan.ts';
import { resolveSpecs } from '../../src/run/specs.ts';
import type { Failure, Manifest, Step } from '../../src/run/types.ts';

/** A lake that answers each step with what a worker would publish. */
class Simulation {
  manifests: Manifest[] = [];
  failures: Failure[] = [];
  sql = 'upper(title)';
  model = 'SELECT * FROM postings';
  where: string | undefined;
  warehouse = 'w1';
  onChange: 'Rebuild' | 'Forward' = 'Rebuild';
  total: number | undefined = 4;
  perPart = 10;
  chained = false;
  rows = 'rows-1';
  private clock = 0;

  input(run: Partial<PlanInput['run']> = {}): PlanInput {
    const asOf = run.asOf ?? '2026-01-01T00:00:00.000Z';
    const request = { name: `p-${asOf}`, from: 'Extract' as const, ...run, asOf };
    return {
      pipeline: 'default/p',
      run: request,
      slice: { asOf, params: '00000000' },
      specs: this.specs(),
      manifests: this.manifests,
      failures: this.failures,
      expired: new Set(),
    };
  }

  /** Plans and carries out waves until nothing is left; returns the stages of each wave. */
  run(run: Partial<PlanInput['run']> = {}): string[] {
    const waves: string[] = [];
    for (let wave = 0; wave < 50; wave += 1) {
      const steps = plan(this.input(run));
      if (steps.length === 0) return waves;
      waves.push(steps.map(({ stage, dataset, part }) => `${stage}:${dataset}:${part.split('.')[0]}`).join(' '));
      for (const step of steps) this.publish(step, this.input(run).run.name);
    }
    throw new Error('the plan never became empty');
  }

  publish(step: Step, run: string): void {
    const { key, stage, dataset, slice, part, spec } = step;
    const inputs = step.inputs.map((path) => this.manifests.find((manifest) => path.includes(manifest.key)));
    const at = new Date(1_800_000_000_000 + 1000 * this.clock++).toISOString();
    this.manifests.push({
      ...{ v: 1, key, stage, dataset, run, epoch: 1, slice, part, spec, complete: true, schema: [] },
      inputs: inputs.map((manifest) => (manifest ? manifestDigest(manifest) : 'missing')),
      ...this.result(step),
      cost: { requests: 0, bytes: 0, credits: 0 },
      versions: {},
      startedAt: at,
      finishedAt: at,
    });
  }

  private result({ stage, part }: Step): Pick<Manifest, 'ledger' | 'partitions' | 'source'> {
    const rows = { values: {}, rows: 1, rowsHash: this.rows, files: [] };
    if (stage !== 'Extract') return { ledger: { rows: 1, passed: 0, warned: 0, failed: 0 }, partitions: [rows] };
    const before = Number(part) * this.perPart;
    const fetched = Math.max(0, Math.min(this.perPart, (this.total ?? 0) - before));
    const more = before + fetched < (this.total ?? 0);
    return {
      ledger: { listed: fetched, fetched, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 },
      partitions: [rows],
      source: {
        ...(this.total === undefined ? {} : { total: this.total }),
        ...(more ? { next: `${Number(part) + 1}` } : {}),
        ...(this.chained ? { tally: { seen: before + fetched, ofQuery: before + fetched } } : {}),
      },
    };
  }

  private specs() {
    const pipeline = pipelineSchema.parse({
      apiVersion: 'jobpulse.dev/v1alpha1',
      kind: 'Pipeline',
      metadata: { name: 'p' },
      spec: {
        datasets: [
          {
            name: 'postings',
            key: ['id'],
            extract: { rest: { baseUrl: 'https://api.example.org', path: '/jobs' } },
            format: { json: { records: '$[*]' } },
            clean: {
              onChange: this.onChange,
              ...(this.where === undefined ? {} : { where: this.where }),
              columns: [
                { name: 'id', type: 'string', from: '$.id' },
                { name: 'title', type: 'string', sql: this.sql },
              ],
            },
            load: { mode: 'Merge' },
          },
        ],
        transform: {
          models: [
            { name: 'second', materialize: 'Table', sql: 'SELECT * FROM first' },
            { name: 'first', materialize: 'Table', sql: this.model },
          ],
        },
      },
    });
    return resolveSpecs(pipeline, {
      params: {},
      warehouse: this.warehouse,
      tablesOf: new Map([
        ['first', ['postings']],
        ['second', ['first']],
      ]),
      functions: () => '',
    });
  }
}

const day = (n: number) => `2026-01-${String(n).padStart(2, '0')}T00:00:00.000Z`;

describe('a run', () => {
  test('goes extract → clean → load → models in order of dependency → sweep, then has nothing to do', () => {
    const lake = new Simulation();
    expect(lake.run()).toEqual([
      'Extract:postings:0',
      'Clean:postings:0',
      'Load:postings:0',
      'Transform:first:0',
      'Transform:second:0',
      'Sweep:_pipeline:0',
    ]);
    expect(plan(lake.input())).toEqual([]);
  });

  test('asks the source again on another day, and leaves models alone whose inputs did not change', () => {
    const lake = new Simulation();
    lake.run();
    expect(lake.run({ asOf: '2026-01-01T08:00:00.000Z' })).toEqual([
      'Extract:postings:0',
      'Clean:postings:0',
      'Load:postings:0',
    ]);
  });

  test('plans the parts of a source that tells its total side by side, of another one after the other', () => {
    const known = new Simulation();
    known.total = 35;
    expect(known.run().slice(0, 2)).toEqual([
      'Extract:postings:0',
      'Extract:postings:1 Extract:postings:2 Extract:postings:3 Clean:postings:0',
    ]);
  });

  test('plans parts that only the one before can place one after the other, each reading the one before', () => {
    const lake = new Simulation();
    lake.total = 35;
    lake.chained = true;
    expect(lake.run().slice(0, 4)).toEqual([
      'Extract:postings:0',
      'Extract:postings:1 Clean:postings:0',
      'Extract:postings:2 Clean:postings:1',
      'Extract:postings:3 Clean:postings:2',
    ]);
    const extracts = lake.manifests.filter(({ stage }) => stage === 'Extract');
    expect(extracts.map(({ inputs }) => inputs)).toEqual([
      [],
      ...extracts.slice(0, -1).map((part) => [manifestDigest(part)]),
    ]);
    expect(lake.run()).toEqual([]);
  });

  test('that is planned anew after every single step, in any order, does the same work', () => {
    const whole = new Simulation();
    whole.total = 35;
    whole.run();
    const piecemeal = new Simulation();
    piecemeal.total = 35;
    for (let steps = plan(piecemeal.input()); steps.length > 0; steps = plan(piecemeal.input())) {
      const last = steps.at(-1);
      if (last) piecemeal.publish(last, 'p');
    }
    expect(piecemeal.manifests.map(({ key }) => key).toSorted()).toEqual(
      whole.manifests.map(({ key }) => key).toSorted(),
    );
  });
});

describe('a changed rule', () => {
  test('re-cleans all history from raw and rebuilds the table, without a step that asks the source', () => {
    const lake = new Simulation();
    lake.run({ asOf: day(1) });
    lake.run({ asOf: day(2) });
    lake.sql = 'lower(title)';
    expect(lake.run({ asOf: day(3), from: 'Clean' })).toEqual([
      'Clean:postings:0 Clean:postings:0',
      'Load:postings:rebuild',
    ]);
  });

  test('applies to new slices only when the manifest says Forward', () => {
    const lake = new Simulation();
    lake.onChange = 'Forward';
    lake.run({ asOf: day(1) });
    lake.sql = 'lower(title)';
    expect(lake.run({ asOf: day(2), from: 'Clean' })).toEqual([]);
    expect(lake.run({ asOf: day(2) }).slice(0, 3)).toEqual([
      'Extract:postings:0',
      'Clean:postings:0',
      'Load:postings:0',
    ]);
  });

  test('of a column that is taken back rebuilds the table once more, of a model builds it once more', () => {
    const lake = new Simulation();
    lake.run({ asOf: day(1) });
    lake.sql = 'lower(title)';
    lake.run({ asOf: day(2), from: 'Clean' });
    lake.sql = 'upper(title)';
    expect(lake.run({ asOf: day(3), from: 'Clean' })).toEqual(['Load:postings:rebuild']);
    lake.model = 'SELECT id FROM postings';
    expect(lake.run({ asOf: day(4), from: 'Clean' })).toEqual(['Transform:first:after']);
    lake.model = 'SELECT * FROM postings';
    expect(lake.run({ asOf: day(5), from: 'Clean' })).toEqual(['Transform:first:after']);
    expect(lake.run({ asOf: day(6), from: 'Clean' })).toEqual([]);
  });

  test('of the warehouse that is taken back rebuilds the table once more', () => {
    const lake = new Simulation();
    lake.run({ asOf: day(1) });
    lake.warehouse = 'w2';
    lake.run({ asOf: day(2), from: 'Clean' });
    lake.warehouse = 'w1';
    expect(lake.run({ asOf: day(3), from: 'Clean' })).toEqual([
      'Load:postings:rebuild',
      'Transform:first:after',
      'Transform:second:after',
    ]);
    expect(lake.run({ asOf: day(4), from: 'Clean' })).toEqual([]);
  });
});

describe('models', () => {
  test('are built again when rows change, and again when they change back', () => {
    const lake = new Simulation();
    lake.run({ asOf: day(1) });
    lake.rows = 'rows-2';
    expect(lake.run({ asOf: day(2) })).toContain('Transform:first:after');
    lake.rows = 'rows-1';
    expect(lake.run({ asOf: day(3) })).toContain('Transform:first:after');
  });
});

describe('a run about a period', () => {
  const period = { start: day(2), end: day(4) };

  test('does not ask a source of snapshots; it cleans again what was taken then, and says what was not', () => {
    const lake = new Simulation();
    for (const at of [1, 2, 5]) lake.run({ asOf: day(at) });
    lake.sql = 'lower(title)';
    const steps = plan(lake.input({ asOf: day(6), interval: period }));
    expect(steps.map(({ stage, slice }) => `${stage} ${slice.asOf}`)).toEqual([`Clean ${day(2)}`]);
    const input = lake.input({ asOf: day(6), interval: period });
    const [specs] = input.specs.datasets;
    const coverage = specs && coverageOf(input, specs);
    expect(coverage).toEqual({
      covered: [{ start: Date.parse(day(2)), end: Date.parse(day(3)) }],
      unavailable: [{ start: Date.parse(day(3)), end: Date.parse(day(4)) }],
    });
    expect(lake.run({ asOf: day(6), interval: period }).slice(0, 2)).toEqual([
      'Clean:postings:0',
      'Load:postings:rebuild',
    ]);
  });

  test('with refresh from Load on builds the table anew, once', () => {
    const lake = new Simulation();
    lake.run({ asOf: day(1) });
    expect(lake.run({ asOf: day(2), from: 'Load', refresh: true })).toEqual(['Load:postings:rebuild']);
    expect(lake.run({ asOf: day(3), from: 'Load' })).toEqual([]);
  });
});

describe('a failed step', () => {
  test('holds back what depends on it, in this run only', () => {
    const lake = new Simulation();
    const [extract] = plan(lake.input());
    if (!extract) throw new Error('nothing was planned');
    lake.failures = [{ dataset: 'postings', stage: 'Extract', key: extract.key, reason: 'Unauthorized', message: '' }];
    expect(plan(lake.input()).map(({ stage }) => stage)).toEqual(['Sweep']);
    lake.failures = [];
    expect(plan(lake.input({ asOf: day(2) })).map(({ stage }) => stage)).toEqual(['Extract']);
  });

  test('a snapshot that cannot be cleaned holds back its own run, and none after it', () => {
    const lake = new Simulation();
    const [extract] = plan(lake.input({ asOf: day(1) }));
    if (!extract) throw new Error('nothing was planned');
    lake.publish(extract, 'bad');
    const [clean] = plan(lake.input({ asOf: day(1) }));
    if (!clean) throw new Error('nothing was planned');
    lake.failures = [{ dataset: 'postings', stage: 'Clean', key: clean.key, reason: 'EncodingWrong', message: '' }];
    expect(plan(lake.input({ asOf: day(1) })).map(({ stage }) => stage)).toEqual(['Sweep']);
    expect(judgeFailures(lake.input({ asOf: day(1) }))).toEqual({ holding: lake.failures, leftOut: [] });
    const waves = lake.run({ asOf: day(2) });
    expect(waves).toEqual(expect.arrayContaining(['Load:postings:0', 'Transform:first:0']));
    expect(judgeFailures(lake.input({ asOf: day(2) }))).toEqual({
      holding: [],
      leftOut: [{ failure: lake.failures[0], slice: clean.slice }],
    });
  });

  test('a snapshot that broke off is never cleaned or loaded by a later run', () => {
    const lake = new Simulation();
    lake.total = 35;
    const [first] = plan(lake.input({ asOf: day(1) }));
    if (!first) throw new Error('nothing was planned');
    lake.publish(first, 'broken');
    expect(plan(lake.input({ asOf: day(2) })).map(({ slice }) => slice.asOf)).toEqual([day(2)]);
  });
});
