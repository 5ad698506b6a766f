import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { pipeline as pipelineSchema } from '../../src/api/index.ts';
import { type Row, rows } from '../../src/connectors/duckdb.ts';
import { unlimited } from '../../src/connectors/http/limiter.ts';
import { filesystemStore, prefixed } from '../../src/connectors/stores/filesystem.ts';
import type { Store } from '../../src/connectors/stores/store.ts';
import { openDuckDBWarehouse } from '../../src/connectors/warehouses/duckdb.ts';
import type { Warehouse } from '../../src/connectors/warehouses/warehouse.ts';
import { getSpec, type Lake, manifestDigest, publish, putSpec, readNamed } from '../../src/lake/lake.ts';
import { layout } from '../../src/lake/layout.ts';
import { putRaw } from '../../src/lake/raw.ts';
import { sweep } from '../../src/lake/sweep.ts';
import { createLogger } from '../../src/observability/log.ts';
import { packLimits, planCompaction } from '../../src/run/compaction.ts';
import type { Json } from '../../src/run/key.ts';
import { type PlanInput, plan, type RunRequest } from '../../src/run/plan.ts';
import { isWindow } from '../../src/run/slices.ts';
import type { ExtractLedger, Manifest, Step, StepResult } from '../../src/run/types.ts';
import { clean } from '../../src/workers/clean.ts';
import { compact } from '../../src/workers/compact.ts';
import { load } from '../../src/workers/load.ts';
import { planInput } from '../../src/workers/plan.ts';
import type { Stage, StageContext } from '../../src/workers/stage.ts';

export const hour = 3_600_000;
export const start = Date.parse('2026-01-01T00:00:00Z');
export const iso = (hours: number): string => new Date(start + hours * hour).toISOString();
export const period = (from: number, to: number) => ({ start: iso(from), end: iso(to) });

/** What a made-up source says about a window at some moment. */
export type Source = (window: { readonly start: string; readonly end: string }, asOf: string) => readonly object[];

export interface HouseOptions {
  readonly source: Source;
  readonly load?: object;
  readonly version?: string;
  readonly partitionBy?: readonly object[];
  /** A folder that is there already. */
  readonly folder?: string;
}

const log = createLogger({ level: 'error' });

/**
 * A pipeline of one hourly window dataset without queues: the real plan, lake, cleaning, packs, sweep and warehouse;
 * only the source is made up, and its looks are published as an extract step would.
 */
export class WindowHouse {
  readonly folder: string;
  readonly store: Store;
  readonly lake: Lake;
  /** A rule that can be changed: the value of a column. */
  rule = '';
  crashPoint: (name: string) => void = () => undefined;
  private readonly options: HouseOptions;
  private opened: Promise<Warehouse> | undefined;

  constructor(options: HouseOptions) {
    this.options = options;
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'jobpulse-house-'));
    this.store = prefixed(filesystemStore(join(this.folder, 'lake')), 'default/p');
    this.lake = { store: this.store, pipeline: 'default/p' };
    mkdirSync(join(this.folder, 'scratch'), { recursive: true });
  }

  /** What a run would know; its steps' specs are stored. */
  async input(run: Partial<RunRequest> & { readonly asOf: string }): Promise<PlanInput> {
    const request = { name: `run-${run.asOf}`, from: 'Extract', ...run } as const;
    const asked = { run: request, params: [], warehouse: 'w', failures: [], startedAt: run.asOf };
    return planInput(this.lake, this.pipeline(), asked);
  }

  /** Carries out steps until a run has none of some stages left; returns them. */
  async run(run: Partial<RunRequest> & { readonly asOf: string }, stages: readonly Step['stage'][]): Promise<Step[]> {
    const done: Step[] = [];
    for (let wave = 0; wave < 50; wave += 1) {
      const input = await this.input(run);
      const steps = plan(input).filter(({ stage }) => stages.includes(stage));
      if (steps.length === 0) return done;
      for (const step of steps) await this.work(input, step);
      done.push(...steps);
    }
    throw new Error('the plan never became empty');
  }

  /** Packs what can be packed. */
  async compact(asOf: string, limits: Partial<typeof packLimits> = {}): Promise<readonly Step[]> {
    const input = await this.input({ asOf });
    const [specs] = input.specs.datasets;
    if (!specs) throw new Error('no dataset');
    const published = new Map(input.manifests.map((manifest) => [manifest.key, manifest]));
    const known = { ...input, published, holding: [], dataset: 'jobs' };
    const steps = planCompaction(known, specs, { ...packLimits, ...limits });
    for (const step of steps) await this.work(input, step);
    return steps;
  }

  sweep(now: Date, retention = {}) {
    const { crashPoint } = this;
    return sweep(this.lake, { unfinishedKeys: new Set(), now, retention, crashPoint });
  }

  async work(input: PlanInput, step: Step): Promise<Manifest> {
    const [specs] = input.specs.datasets;
    for (const spec of specs ? [specs.extract, specs.clean, specs.load, specs.rebuild, specs.compact] : []) {
      if (spec.digest === step.spec) await putSpec(this.lake, spec.value as unknown as Json);
    }
    const inputs = (await readNamed(this.lake, step.inputs)).map((manifest, at) => {
      if (!manifest) throw new Error(`${step.inputs[at]} is missing`);
      return manifest;
    });
    const { key, stage, dataset, slice, part, spec } = step;
    const result = await this.result(step, inputs, input.run.name);
    const manifest: Manifest = {
      ...{ v: 1, key, stage, dataset, run: input.run.name, epoch: 1, slice, part, spec },
      inputs: inputs.map(manifestDigest),
      ...{ complete: true, partitions: [], schema: [], cost: { requests: 0, bytes: 0, credits: 0 } },
      ...result,
      ...{ versions: {}, startedAt: new Date().toISOString(), finishedAt: new Date().toISOString() },
    };
    return publish(this.lake, manifest);
  }

  private async result(step: Step, inputs: readonly Manifest[], run: string): Promise<StepResult> {
    if (step.stage === 'Extract') return this.look(step);
    const scratch = join(this.folder, 'scratch', randomUUID());
    mkdirSync(scratch);
    const context: StageContext<never> = {
      ...{ step, inputs, scratch, lake: this.lake, shared: this.store, log },
      spec: (await getSpec(this.lake, step.spec)) as never,
      run: { name: run, asOf: step.slice.asOf },
      signal: new AbortController().signal,
      secret: () => undefined,
      allowPrivateNetworks: false,
      limits: { limiter: () => unlimited },
      filesRoot: this.folder,
      crashPoint: this.crashPoint,
      progress: () => undefined,
    };
    try {
      const stage = await this.stageOf(step);
      return await stage(context);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  }

  private async stageOf({ stage }: Step): Promise<Stage<never>> {
    if (stage === 'Clean') return clean as Stage<never>;
    if (stage === 'Compact') return compact as Stage<never>;
    if (stage === 'Load') {
      const warehouse = await this.warehouse();
      return load(() => warehouse) as Stage<never>;
    }
    throw new Error(`nobody does ${stage} here`);
  }

  /** What the source says about a window becomes a raw body and the ledger of an extract step. */
  private async look({ dataset, slice, key }: Step): Promise<StepResult> {
    if (!isWindow(slice)) throw new Error('not a window');
    const records = this.options.source(slice, slice.asOf);
    const body = Buffer.from(JSON.stringify(records));
    const facts = { uri: `https://source/${slice.start}`, status: 200, fetchedAt: slice.asOf };
    const raw = await putRaw(this.lake, layout.rawFolder(dataset, slice, key), 0, 'json', body, () => facts);
    const fetched = records.length;
    const ledger: ExtractLedger = { listed: fetched, fetched, skippedKnown: 0, gone: 0, failed: 0, deferred: 0 };
    const file = { path: raw.path, bytes: raw.storedBytes, sha256: raw.meta.sha256 };
    return { ledger, source: {}, partitions: [{ values: {}, rows: fetched, rowsHash: '', files: [file] }] };
  }

  warehouse(): Promise<Warehouse> {
    const [path, scratch] = [join(this.folder, 'warehouse.duckdb'), join(this.folder, 'scratch')];
    this.opened ??= openDuckDBWarehouse({ path, lake: join(this.folder, 'lake'), scratch, memory: '1GB' });
    return this.opened;
  }

  /** All of the table. */
  async table(): Promise<Row[]> {
    await (await this.warehouse()).close();
    this.opened = undefined;
    const instance = await DuckDBInstance.create(join(this.folder, 'warehouse.duckdb'));
    const connection = await instance.connect();
    try {
      return await rows(connection, 'SELECT * FROM warehouse.p.jobs ORDER BY ALL');
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  /** Files of the lake, by what they are. */
  async objects(): Promise<Record<'manifests' | 'cleanFiles' | 'cleanBytes', number>> {
    const found = { manifests: 0, cleanFiles: 0, cleanBytes: 0 };
    for await (const { path, bytes } of this.store.list('_jobpulse/steps')) found.manifests += path && bytes ? 1 : 0;
    for await (const { bytes } of this.store.list('clean')) {
      found.cleanFiles += 1;
      found.cleanBytes += bytes;
    }
    return found;
  }

  async close(): Promise<void> {
    await (await this.opened)?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private pipeline() {
    const { load = { mode: 'Merge' }, version, partitionBy = [] } = this.options;
    return pipelineSchema.parse({
      apiVersion: 'jobpulse.dev/v1alpha1',
      kind: 'Pipeline',
      metadata: { name: 'p' },
      spec: {
        datasets: [
          {
            name: 'jobs',
            key: ['id'],
            ...(version === undefined ? {} : { version }),
            extract: {
              window: { start: iso(0), every: '1h', maxSlicesPerRun: 10_000 },
              rest: { baseUrl: 'https://source.example', path: '/jobs' },
            },
            format: { json: { records: '$[*]' } },
            clean: {
              columns: [
                { name: 'id', type: 'integer', from: '$.id', required: true },
                { name: 'title', type: 'string', from: '$.title' },
                { name: 'rule', type: 'string', sql: `'${this.rule}'` },
                { name: 'at', type: 'timestamp', from: '$.at' },
              ],
              partitionBy,
            },
            load,
          },
        ],
      },
    });
  }
}
