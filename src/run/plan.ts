import { manifestDigest } from '../lake/lake.ts';
import { planCompaction } from './compaction.ts';
import { isInScope, planExtract } from './extracts.ts';
import { judgeFailures } from './failures.ts';
import type { Intervals } from './intervals.ts';
import { type ItemList, lacksItems } from './items.ts';
import { planLoad } from './loads.ts';
import { planModels } from './models.ts';
import { finishedSlices } from './slices.ts';
import type { CleanSpec, DatasetSpecs, PipelineSpecs, Resolved } from './specs.ts';
import { cleanStep, step } from './steps.ts';
import type { Failure, Manifest, Slice, Step } from './types.ts';

/** What a run asks for. */
export interface RunRequest {
  readonly name: string;
  readonly asOf: string;
  /** The first stage that may work; stages before it are left as they are. */
  readonly from: 'Extract' | 'Clean' | 'Load' | 'Transform';
  /** Datasets to work on; absent = all. */
  readonly datasets?: readonly string[];
  /** Only this period: windows inside it, snapshots that were taken in it. */
  readonly interval?: { readonly start: string; readonly end: string };
  /** Do again what is published: ask for windows that are closed; from Clean or Load on, build tables anew. */
  readonly refresh?: boolean;
}

export interface PlanInput {
  readonly pipeline: string;
  readonly run: RunRequest;
  readonly slice: Slice;
  readonly specs: PipelineSpecs;
  /** Every published manifest of the pipeline, but for those that `settled` stands for. */
  readonly manifests: readonly Manifest[];
  /** What has already failed for good in this run: it is not planned again, and what depends on it waits for the next run. */
  readonly failures: readonly Failure[];
  /** Keys of extract steps whose raw bytes are beyond their retention. */
  readonly expired: ReadonlySet<string>;
  /**
   * Dataset → periods that are published, closed, cleaned and loaded by today's rules; of one that asks for items, the
   * logical times of the runs that asked.
   */
  readonly settled?: ReadonlyMap<string, Intervals>;
  /** Dataset → the items this run asks for, of those datasets that ask for each row of another one. */
  readonly items?: ReadonlyMap<string, ItemList>;
}

/** The steps that are missing now and can run now, in any order. None = the run has nothing left to do. */
export type Plan = readonly Step[];

/** At most this many steps in one wave; the rest follows in the next. */
const waveLimit = 1000;

/**
 * Compares what is wanted with what is published. A pure function: called again after each wave,
 * after a crash or with an empty Redis, it finds exactly what is still missing.
 */
export function plan(input: PlanInput): Plan {
  const published = new Map(input.manifests.map((manifest) => [manifest.key, manifest]));
  const { holding } = judgeFailures(input);
  const known = { ...input, published, holding };
  const open = datasetsOf(input).map((specs) => ({
    name: specs.name,
    steps: planDataset({ ...known, dataset: specs.name }, specs),
  }));
  const unsettled = new Set([
    ...open.filter(({ steps }) => steps.length > 0).map(({ name }) => name),
    ...holding.map(({ dataset }) => dataset),
    ...datasetsOf(input).flatMap((specs) => (lacksItems(input, specs) ? [specs.name] : [])),
  ]);
  const steps = [...open.flatMap((dataset) => dataset.steps), ...planModels(known, unsettled)];
  if (steps.length > 0) return steps.slice(0, waveLimit);
  if (input.run.from !== 'Extract') return [];
  const compaction = datasetsOf(input).flatMap((specs) => planCompaction({ ...known, dataset: specs.name }, specs));
  return compaction.length > 0 ? compaction : planSweep(known);
}

/** The datasets that a run is to work on. */
export function datasetsOf({ run, specs }: PlanInput): readonly DatasetSpecs[] {
  const wanted = run.datasets ? new Set(run.datasets) : undefined;
  return specs.datasets.filter(({ name }) => !wanted || wanted.has(name));
}

/** What is asked and what there is, ready to be looked up. */
export interface Known extends PlanInput {
  readonly published: ReadonlyMap<string, Manifest>;
  readonly holding: readonly Failure[];
}
export interface DatasetInput extends Known {
  readonly dataset: string;
}

function planDataset(input: DatasetInput, specs: DatasetSpecs): Plan {
  const failed = new Set(input.failures.map(({ key }) => key));
  const missing = (steps: readonly Step[]) => steps.filter(({ key }) => !failed.has(key));
  const { from } = input.run;
  const extract = from === 'Extract' ? missing(planExtract(input, specs)) : [];
  const clean = from === 'Extract' || from === 'Clean' ? missing(planClean(input, specs.clean)) : [];
  if (extract.length > 0 || clean.length > 0) return [...extract, ...clean];
  if (from === 'Transform' || isHeld(input, specs)) return [];
  return missing(planLoad(input, specs));
}

/** A table must not miss a snapshot between two others; of windows it takes those there are. */
const isHeld = (input: DatasetInput, { extract }: DatasetSpecs): boolean =>
  !extract.value.extract.window && input.holding.some(({ dataset }) => dataset === input.dataset);

/** Raw manifests that lack a clean manifest under today's rules: this run's as soon as they are there, history's once finished. */
function planClean(input: DatasetInput, spec: Resolved<CleanSpec>): Plan {
  const current = input.manifests.filter(
    ({ dataset, stage, slice }) => dataset === input.dataset && stage === 'Extract' && slice.asOf === input.slice.asOf,
  );
  const history = finishedSlices(input.manifests, input.dataset).flatMap(({ parts }) => parts);
  const raw = [...new Set([...current, ...history])].filter(
    ({ key, slice }) => !input.expired.has(key) && isInScope(input, slice),
  );
  const cleanedBefore = new Set(spec.value.clean.onChange === 'Forward' ? cleanedInputs(input) : []);
  return raw
    .filter((manifest) => !cleanedBefore.has(manifestDigest(manifest)))
    .map((manifest) => cleanStep(input, input.dataset, spec, manifest))
    .filter(({ key }) => !input.published.has(key));
}

const cleanedInputs = (input: DatasetInput): string[] =>
  input.manifests
    .filter(({ dataset, stage }) => dataset === input.dataset && stage === 'Clean')
    .flatMap(({ inputs }) => inputs);

/** Once a UTC day, when all else is done: what nobody names any more is removed. */
function planSweep(input: Known): Plan {
  const day: Slice = { asOf: `${input.run.asOf.slice(0, 10)}T00:00:00.000Z`, params: '' };
  const sweep = step(input, 'Sweep', '_pipeline', input.specs.sweep, day, '0', []);
  const failed = input.failures.some(({ key }) => key === sweep.key);
  return failed || input.published.has(sweep.key) ? [] : [sweep];
}

/**
 * Datasets that ask for each row of another one, now that nothing is left to do that would change which rows there are:
 * which items this run asks for can be decided.
 */
export function awaitingItems(
  input: PlanInput,
): readonly { readonly specs: DatasetSpecs; readonly source: DatasetSpecs }[] {
  const { holding } = judgeFailures(input);
  const known = { ...input, published: new Map(input.manifests.map((manifest) => [manifest.key, manifest])), holding };
  const inRun = new Set(datasetsOf(input).map(({ name }) => name));
  return datasetsOf(input).flatMap((specs) => {
    const from = specs.extract.value.extract.rest?.forEach?.dataset;
    const source = input.specs.datasets.find(({ name }) => name === from);
    if (!source || !lacksItems(input, specs)) return [];
    const open = inRun.has(source.name) ? planDataset({ ...known, dataset: source.name }, source) : [];
    const changes = inRun.has(source.name) && lacksItems(input, source);
    return changes || open.some(({ stage }) => stage !== 'Load') ? [] : [{ specs, source }];
  });
}
