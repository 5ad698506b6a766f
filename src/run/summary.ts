import { parseDuration } from '../api/parseUnits.ts';
import { calendarOf } from './calendar.ts';
import { planCompaction } from './compaction.ts';
import { coverageOf, windowsOf } from './extracts.ts';
import { fromIso, inWords } from './intervals.ts';
import { lacksItems } from './items.ts';
import { type PlanInput, plan } from './plan.ts';
import { finishedSlices, lookOf } from './slices.ts';
import type { DatasetSpecs } from './specs.ts';
import { bytesOf } from './steps.ts';
import type { Manifest, Step } from './types.ts';
import type { WindowPlan } from './windows.ts';

/** What a run would do to one dataset, and why. */
export interface DatasetPlan {
  readonly name: string;
  readonly extract: {
    /** Whether the source would be asked. */
    readonly asks: boolean;
    /** Requests of the last snapshot, as an estimate; 0 when the source is not asked, null when it never was. */
    readonly requests: number | null;
    /** Of a window dataset: slices that are missing or still open, … */
    readonly slices?: number;
    /** … periods this run would ask for, newest first, … */
    readonly asked?: readonly string[];
    /** … and slices it would leave to the next. */
    readonly left?: number;
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
  /** Packs that small clean files would be brought together in, once nothing else is left to do. */
  readonly compact: { readonly packs: number; readonly manifests: number; readonly requests: 0 };
  /** Snapshots whose raw bytes are beyond their retention: they stay as they were cleaned last. */
  readonly unavailable: readonly string[];
  /** Periods that the run is about and that the source cannot be asked about. */
  readonly notAsked: readonly string[];
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
    .map((specs) =>
      datasetPlan(
        input,
        specs,
        steps.filter(({ dataset }) => dataset === specs.name),
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

function datasetPlan(input: PlanInput, specs: DatasetSpecs, steps: readonly Step[]): DatasetPlan {
  const { name } = specs;
  const history = finishedSlices(input.manifests, name);
  const items = lacksItems(input, specs) ? specs.extract.value.extract.rest?.forEach?.dataset : undefined;
  const asks = items !== undefined || steps.some(({ stage }) => stage === 'Extract');
  const again = steps.filter(({ stage }) => stage === 'Clean');
  const raw = input.manifests.filter(({ dataset, stage }) => dataset === name && stage === 'Extract');
  const unavailable = history
    .filter(({ parts }) => parts.some(({ key }) => input.expired.has(key)))
    .map(({ slice }) => slice.asOf);
  const published = new Map(input.manifests.map((manifest) => [manifest.key, manifest]));
  const packs =
    input.run.from === 'Extract' ? planCompaction({ ...input, published, holding: [], dataset: name }, specs) : [];
  const windows = input.run.from === 'Extract' ? windowsOf(input, specs) : undefined;
  const load = steps.find(({ stage }) => stage === 'Load');
  const last = history.at(-1)?.parts;
  const clean = {
    slices: new Set(again.map(({ slice }) => lookOf(slice))).size,
    bytes: again.reduce((sum, step) => sum + rawBytes(raw, step), 0),
    requests: 0,
  } as const;
  return {
    name,
    extract: {
      asks,
      requests: asks ? estimate(last, windows) : 0,
      ...(windows && windowCounts(windows, specs)),
    },
    clean,
    load: load ? (load.part.startsWith('rebuild') ? 'Rebuild' : 'Append') : 'None',
    compact: { packs: packs.length, manifests: packs.reduce((sum, { inputs }) => sum + inputs.length, 0), requests: 0 },
    unavailable,
    notAsked: inWords(coverageOf(input, specs).unavailable),
    why: reasons(input, {
      asks,
      items,
      windows,
      again: clean.slices,
      rebuilds: load?.part.startsWith('rebuild') === true,
    }),
  };
}

/** Requests by what the newest look took; windows are taken to be alike. */
function estimate(last: readonly Manifest[] | undefined, windows: WindowPlan | undefined): number | null {
  if (!last) return null;
  return last.reduce((sum, { cost }) => sum + cost.requests, 0) * (windows?.asked.length ?? 1);
}

/** Periods told in a summary. */
const toldPeriods = 20;

function windowCounts({ asked, due, left }: WindowPlan, { extract, clean }: DatasetSpecs) {
  const { every = '1d' } = extract.value.extract.window ?? {};
  const calendar = calendarOf(parseDuration(every), clean.value.timeZone);
  const slices = due.reduce((sum, period) => sum + calendar.count(period), 0);
  return { slices, asked: asked.slice(0, toldPeriods).flatMap((each) => inWords([fromIso(each)])), left };
}

interface Does {
  readonly asks: boolean;
  /** The dataset whose rows are asked for one by one. */
  readonly items: string | undefined;
  readonly windows: WindowPlan | undefined;
  readonly again: number;
  readonly rebuilds: boolean;
}

const rawBytes = (raw: readonly Manifest[], step: Step): number =>
  bytesOf(raw.filter(({ slice, part }) => lookOf(slice) === lookOf(step.slice) && part === step.part));

function reasons({ run }: PlanInput, does: Does): string[] {
  return [
    ...(run.interval && !does.windows && does.items === undefined
      ? ['a source of snapshots cannot be asked about the past']
      : []),
    does.items !== undefined
      ? `asks for each row of ${does.items} that is not known by then`
      : does.windows
        ? does.asks
          ? 'these periods are missing, or still open'
          : 'every period that has ended is in the lake'
        : does.asks
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
