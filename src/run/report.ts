import type { JudgedFailures } from './failures.ts';
import { conserved, ledgersOf, sumClean, sumExtract, sumLoad, total } from './ledger.ts';
import { missingPeriods, spentBudgets } from './leftOver.ts';
import { rejectRates } from './rejectRate.ts';
import { isWindow, lookOf } from './slices.ts';
import type { Failure, Manifest, ModelLedger } from './types.ts';

/** What a run did to one dataset. The counts are the sums of the ledgers that this run published. */
export interface DatasetReport {
  readonly name: string;
  /** Slices this run worked on. */
  readonly slices: number;
  /** Slices of this run that another run had published already. */
  readonly skipped: number;
  readonly requests: number;
  readonly credits: number;
  readonly listed: number;
  readonly fetched: number;
  readonly skippedKnown: number;
  readonly gone: number;
  readonly failed: number;
  readonly deferred: number;
  readonly read: number;
  readonly expanded: number;
  readonly clean: number;
  readonly rejected: number;
  /** `<rule>:<column>` → rows. */
  readonly rejectedBy: Readonly<Record<string, number>>;
  readonly filtered: number;
  readonly deduplicated: number;
  readonly added: number;
  readonly modified: number;
  readonly unchanged: number;
  readonly superseded: number;
  readonly deleted: number;
  readonly marked: number;
  /** From the start of the first step to the end of the last. */
  readonly seconds: number;
  /** Of a window dataset, or a run about a period: periods that are published, as `start/end`; of many the newest. */
  readonly covered?: readonly string[];
  /** Periods that were asked for and that the source cannot be asked about. */
  readonly unavailable?: readonly string[];
  /** Slices that have ended and were not asked for, because one run asks for `maxSlicesPerRun` at most. */
  readonly slicesMissing?: number;
  /** Hash of all rows of the table after its newest load, whichever run did it; null before the first. */
  readonly rowsHash: string | null;
}

/** What a run did to one model. */
export interface ModelReport {
  readonly name: string;
  readonly rows: number;
  readonly checks: { readonly passed: number; readonly warned: number; readonly failed: number };
  readonly seconds: number;
  /** The model stands as another run built it: nothing it reads has changed. */
  readonly skipped: boolean;
  readonly insight?: string;
}

/** Something that explains a figure: a failure, a notice of a step, or why nothing happened. */
export interface Why {
  /** Dataset or model; absent when it is about the whole run. */
  readonly dataset?: string;
  readonly reason: string;
  readonly message: string;
}

/** How a run ended. */
export type RunResult = 'Succeeded' | 'Failed' | 'Cancelled';

/** The account of one run: printed, stored in the lake and served. */
export interface RunReport {
  readonly v: 1;
  readonly run: string;
  /** `<namespace>/<name>`. */
  readonly pipeline: string;
  readonly asOf: string;
  readonly interval: { readonly start: string; readonly end: string } | null;
  readonly status: RunResult;
  /** False when a ledger of this run does not add up. */
  readonly conserved: boolean;
  readonly seconds: number;
  readonly datasets: readonly DatasetReport[];
  readonly models: readonly ModelReport[];
  readonly why: readonly Why[];
}

/** What a report is made of. */
export interface ReportInput extends Pick<RunReport, 'run' | 'pipeline' | 'asOf' | 'interval' | 'status' | 'seconds'> {
  /** Names of the datasets and models, in the order of the pipeline's manifest. */
  readonly datasets: readonly string[];
  readonly models: readonly string[];
  /** All published manifests of the pipeline. */
  readonly manifests: readonly Manifest[];
  readonly failures: readonly Failure[];
  readonly leftOut: JudgedFailures['leftOut'];
  /** Dataset → what is known of its periods. */
  readonly periods?: ReadonlyMap<string, Pick<DatasetReport, 'covered' | 'unavailable' | 'slicesMissing'>>;
}

/** Notices that ask for a look although the run is done. */
const warnings: ReadonlySet<string> = new Set([
  'CheckWarned',
  'RecordsMissing',
  'RejectRate',
  'ResultCapped',
  'SnapshotLeftOut',
  'SnapshotShrank',
  'TotalNotReached',
]);

/** Folds what is published into the account of one run. */
export function buildReport(input: ReportInput): RunReport {
  const { run, pipeline, asOf, interval, status } = input;
  const own = input.manifests.filter((manifest) => manifest.run === run);
  const datasets = input.datasets.map((name) => datasetReport(input, name));
  return {
    ...{ v: 1, run, pipeline, asOf, interval, status },
    conserved: conserved(own).status !== 'False',
    seconds: inMilliseconds(input.seconds),
    datasets,
    models: input.models.map((name) => modelReport(input, name)),
    why: bounded([
      ...failures(input),
      ...leftOut(input),
      ...rejectRates(datasets),
      ...notices(own),
      ...missingPeriods(datasets),
      ...spentBudgets(datasets),
      ...quietDatasets(input, datasets),
      ...missingModels(input),
    ]),
  };
}

function datasetReport({ run, asOf, manifests, periods }: ReportInput, name: string): DatasetReport {
  const all = manifests.filter(
    ({ dataset, stage }) => dataset === name && stage !== 'Transform' && stage !== 'Compact',
  );
  const own = all.filter((manifest) => manifest.run === run);
  // A load of windows is about all of them together, and about no slice of its own.
  const isOfSlice = ({ stage, slice }: Manifest) => stage !== 'Load' || !isWindow(slice);
  const worked = new Set(own.filter(isOfSlice).map(sliceOf));
  const wanted = new Set(all.filter((each) => each.slice.asOf === asOf && isOfSlice(each)).map(sliceOf));
  const { rejected, ...cleaned } = sumClean(ledgersOf(own, 'Clean'));
  const { clean: _read, ...loaded } = sumLoad(ledgersOf(own, 'Load'));
  return {
    name,
    slices: worked.size,
    skipped: wanted.difference(worked).size,
    requests: own.reduce((sum, { cost }) => sum + cost.requests, 0),
    credits: own.reduce((sum, { cost }) => sum + cost.credits, 0),
    ...sumExtract(ledgersOf(own, 'Extract')),
    ...cleaned,
    rejected: total(rejected),
    rejectedBy: rejected,
    ...loaded,
    seconds: span(own),
    ...periods?.get(name),
    rowsHash: newest(all.filter(({ stage }) => stage === 'Load'))?.partitions[0]?.rowsHash ?? null,
  };
}

function modelReport({ run, manifests }: ReportInput, name: string): ModelReport {
  const current = newest(manifests.filter(({ dataset, stage }) => dataset === name && stage === 'Transform'));
  const [ledger] = current ? ledgersOf([current], 'Transform') : [];
  const { rows, ...checks }: ModelLedger = ledger ?? { rows: 0, passed: 0, warned: 0, failed: 0 };
  const own = current?.run === run;
  return {
    name,
    rows,
    checks,
    seconds: current && own ? span([current]) : 0,
    skipped: current !== undefined && !own,
    ...(current?.insight === undefined ? {} : { insight: current.insight }),
  };
}

const failures = (input: ReportInput): Why[] =>
  input.failures.map(({ dataset, reason, message }) => ({ dataset, reason, message }));

const leftOut = (input: ReportInput): Why[] =>
  input.leftOut.map(({ failure: { dataset, reason, message }, slice }) => ({
    dataset,
    reason: 'SnapshotLeftOut',
    message: `the snapshot of ${slice.asOf} cannot be cleaned (${reason}: ${message}); newer ones go on without it`,
  }));

/** Warnings first, so that a bound never hides what decides the exit code. */
const notices = (own: readonly Manifest[]): Why[] =>
  own
    .flatMap(({ dataset, notices = [] }) => notices.map(({ reason, message }) => ({ dataset, reason, message })))
    .toSorted((a, b) => Number(warnings.has(b.reason)) - Number(warnings.has(a.reason)));

/** Says for each dataset that changed nothing why that is so; failures speak for themselves. */
function quietDatasets({ status, failures }: ReportInput, datasets: readonly DatasetReport[]): Why[] {
  if (status === 'Cancelled' || failures.some(({ stage }) => stage === 'Plan')) return [];
  const failed = new Set(failures.map(({ dataset }) => dataset));
  return datasets
    .filter(
      ({ name, added, modified, marked, deleted }) => !failed.has(name) && added + modified + marked + deleted === 0,
    )
    .map((dataset) => ({ dataset: dataset.name, ...whyQuiet(dataset) }));
}

function whyQuiet(dataset: DatasetReport): Omit<Why, 'dataset'> {
  const { slices, skipped, skippedKnown, unchanged, superseded, read, rejected, filtered } = dataset;
  if (slices === 0 && skipped > 0) {
    return { reason: 'AlreadyPublished', message: 'another run had published this slice already' };
  }
  if (slices === 0) return { reason: 'UpToDate', message: 'nothing was missing' };
  if (read === 0 && skippedKnown > 0) {
    return { reason: 'NothingNew', message: `${skippedKnown} items were found, and all that is asked for is known` };
  }
  if (unchanged + superseded > 0) {
    const older = superseded === 0 ? '' : `, ${superseded} older than what is in the table`;
    return { reason: 'NothingChanged', message: `nothing changed at the source: ${unchanged} unchanged${older}` };
  }
  return { reason: 'NothingLoaded', message: `${read} read, none loaded: ${rejected} rejected, ${filtered} filtered` };
}

/** A model without rows is not the same as a model that was never built. */
const missingModels = ({ models, manifests, failures }: ReportInput): Why[] =>
  models
    .filter((name) => ![...manifests, ...failures].some(({ dataset }) => dataset === name))
    .map((dataset) => ({ dataset, reason: 'NotBuilt', message: 'what it reads is not loaded yet' }));

const mostReasons = 100;

function bounded(why: readonly Why[]): readonly Why[] {
  if (why.length <= mostReasons) return why;
  const kept = why.slice(0, mostReasons - 1);
  return [...kept, { reason: 'MoreReasons', message: `${why.length - kept.length} more are not listed` }];
}

const sliceOf = ({ slice }: Manifest): string => `${lookOf(slice)} ${slice.params}`;

/** What was published last; equal times are decided by key, so that every reader decides alike. */
const newest = (manifests: readonly Manifest[]): Manifest | undefined =>
  manifests.toSorted((a, b) => compare(b.finishedAt, a.finishedAt) || compare(b.key, a.key))[0];

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Seconds from the first start to the last end. */
function span(manifests: readonly Manifest[]): number {
  if (manifests.length === 0) return 0;
  const starts = manifests.map(({ startedAt }) => Date.parse(startedAt));
  const ends = manifests.map(({ finishedAt }) => Date.parse(finishedAt));
  const earliest = starts.reduce((a, b) => Math.min(a, b));
  const latest = ends.reduce((a, b) => Math.max(a, b));
  return inMilliseconds((latest - earliest) / 1000);
}

const inMilliseconds = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/**
 * The exit code that a finished run stands for:
 * - 1: it failed or was cancelled, or its ledgers do not add up;
 * - 3: it succeeded, but a check of severity Warn found rows, a snapshot shrank so far that nothing was marked, or too
 *   large a share of the rows was rejected (`rejectRate.ts`);
 * - 0: it succeeded. A few rejected rows are no warning: they are counted and kept in quarantine.
 */
export function exitCode({ status, conserved, why }: RunReport): 0 | 1 | 3 {
  if (status !== 'Succeeded' || !conserved) return 1;
  return why.some(({ reason }) => warnings.has(reason)) ? 3 : 0;
}

/** `usajobs/postings: read 500, rejected 2 (2 required:position_uri), added 498, modified 0, 2.7 s`. */
export function datasetLine(report: Pick<RunReport, 'pipeline'>, dataset: DatasetReport): string {
  const pipeline = report.pipeline.replace(/^.*\//, '');
  const reasons = Object.entries(dataset.rejectedBy)
    .filter(([, count]) => count > 0)
    .toSorted(([a, most], [b, more]) => more - most || compare(a, b))
    .map(([reason, count]) => `${count} ${reason}`);
  const rejected = `rejected ${dataset.rejected}${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`;
  const { name, read, added, modified, seconds } = dataset;
  return `${pipeline}/${name}: read ${read}, ${rejected}, added ${added}, modified ${modified}, ${seconds.toFixed(1)} s`;
}
