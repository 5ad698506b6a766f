import { type PlanInput, plan } from './plan.ts';
import { finishedSlices } from './slices.ts';
import type { Manifest, Step } from './types.ts';

/** What a run would do to one dataset, and why. */
export interface DatasetPlan {
  readonly name: string;
  readonly extract: {
    /** Whether the source would be asked. */
    readonly asks: boolean;
    /** Requests of the last snapshot, as an estimate; 0 when the source is not asked, null when it never was. */
    readonly requests: number | null;
  };
  readonly clean: {
    /** Snapshots in the lake that would be cleaned again from their raw bytes. */
    readonly slices: number;
    readonly bytes: number;
    /** Always 0: cleaning reads the lake. */
    readonly requests: 0;
  };
  /** Loads that are known now; a new snapshot is loaded besides. */
  readonly load: 'None' | 'Append' | 'Rebuild';
  /** Snapshots whose raw bytes are beyond their retention: they stay as they were cleaned last. */
  readonly unavailable: readonly string[];
  readonly why: readonly string[];
}

/** What a run would do, what it would not, and why. */
export interface PlanSummary {
  readonly pipeline: string;
  readonly from: string;
  readonly asOf: string;
  readonly datasets: readonly DatasetPlan[];
  /** Models that would be built with what is known now; models of changed tables follow. */
  readonly models: readonly { readonly name: string; readonly builds: boolean; readonly why: string }[];
}

/** Tells a plan's first wave for people; later waves depend on what the first brings. */
export function summarise(input: PlanInput): PlanSummary {
  const steps = plan(input);
  const wanted = input.run.datasets ? new Set(input.run.datasets) : undefined;
  const datasets = input.specs.datasets
    .filter(({ name }) => !wanted || wanted.has(name))
    .map(({ name }) =>
      datasetPlan(
        input,
        name,
        steps.filter(({ dataset }) => dataset === name),
      ),
    );
  const changing = new Set(
    datasets
      .filter(({ extract, clean, load }) => extract.asks || clean.slices > 0 || load !== 'None')
      .map(({ name }) => name),
  );
  const models = input.specs.models.map(({ name, tables }) => {
    const builds = steps.some(({ stage, dataset }) => stage === 'Transform' && dataset === name);
    const waits = tables.filter((table) => changing.has(table));
    if (waits.length > 0) changing.add(name);
    const why = builds
      ? 'what it reads has changed'
      : waits.length > 0
        ? `follows ${waits.join(', ')}, if rows change`
        : 'unchanged';
    return { name, builds, why };
  });
  return { pipeline: input.pipeline, from: input.run.from, asOf: input.run.asOf, datasets, models };
}

function datasetPlan(input: PlanInput, name: string, steps: readonly Step[]): DatasetPlan {
  const history = finishedSlices(input.manifests, name);
  const asks = steps.some(({ stage }) => stage === 'Extract');
  const again = steps.filter(({ stage }) => stage === 'Clean');
  const raw = input.manifests.filter(({ dataset, stage }) => dataset === name && stage === 'Extract');
  const unavailable = history
    .filter(({ parts }) => parts.some(({ key }) => input.expired.has(key)))
    .map(({ slice }) => slice.asOf);
  const load = steps.find(({ stage }) => stage === 'Load');
  const last = history.at(-1)?.parts;
  const clean = {
    slices: new Set(again.map(({ slice }) => slice.asOf)).size,
    bytes: again.reduce((sum, step) => sum + rawBytes(raw, step), 0),
    requests: 0,
  } as const;
  return {
    name,
    extract: { asks, requests: asks ? (last ? last.reduce((sum, { cost }) => sum + cost.requests, 0) : null) : 0 },
    clean,
    load: load ? (load.part.startsWith('rebuild') ? 'Rebuild' : 'Append') : 'None',
    unavailable,
    why: reasons(input, { asks, again: clean.slices, rebuilds: load?.part.startsWith('rebuild') === true }),
  };
}

const rawBytes = (raw: readonly Manifest[], step: Step): number =>
  raw
    .filter(({ slice, part }) => slice.asOf === step.slice.asOf && part === step.part)
    .flatMap(({ partitions }) => partitions.flatMap(({ files }) => files))
    .reduce((sum, { bytes }) => sum + bytes, 0);

function reasons({ run }: PlanInput, does: { asks: boolean; again: number; rebuilds: boolean }): string[] {
  return [
    does.asks
      ? 'every run takes a new snapshot of this source'
      : run.from === 'Extract'
        ? 'this snapshot is in the lake already'
        : `--from ${run.from}: the source is not asked`,
    ...(does.again > 0
      ? ['its format, columns or checks changed since these snapshots were cleaned, or they never were']
      : []),
    ...(does.rebuilds ? ['the table was built by other rules or in another warehouse'] : []),
  ];
}
