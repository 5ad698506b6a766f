import { rename, rm, writeFile } from 'node:fs/promises';
import { TerminalError } from '../run/errors.ts';
import { isStage, total } from '../run/ledger.ts';
import type { RunReport } from '../run/report.ts';
import type { Manifest } from '../run/types.ts';
import { version } from '../version.ts';
import { createInstruments, type Instruments, type InstrumentsOptions } from './registry.ts';

/** What of a published step is counted; the event that a worker sends when it publishes holds it. */
export type PublishedStep = Pick<
  Manifest,
  'key' | 'stage' | 'dataset' | 'ledger' | 'notices' | 'cost' | 'source' | 'startedAt' | 'finishedAt'
>;

/** What of a run that has ended is counted. */
export type CountedRun = Pick<RunReport, 'run' | 'pipeline' | 'status' | 'seconds' | 'conserved'>;

/** How a run came about and ended. */
export interface RunEnd {
  /** What created the run, such as `Schedule` or `Manual`. */
  readonly trigger: string;
  readonly finishedAt: Date;
}

/**
 * Metrics of one process, fed from published ledgers: workers that scale to zero are never scraped.
 * Feed it what is published while the process runs, not history: a counter that starts again at zero
 * and is handed the past would count it twice at the scraper.
 */
export interface Metrics extends Instruments {
  /** Counts a published step; a ledger that is seen twice is counted once. */
  recordManifest(manifest: PublishedStep, namespace: string, pipeline: string): void;
  /** Counts a finished run, once. */
  recordRun(run: CountedRun, end: RunEnd): void;
}

/** So many keys are remembered to tell a ledger that was seen; redeliveries come within seconds. */
const rememberedKeys = 20_000;

/** The metrics of this process, with `build_info` set. */
export function createMetrics(options: InstrumentsOptions = {}): Metrics {
  const instruments = createInstruments(options);
  const isNew = seenOnce(rememberedKeys);
  instruments.set('build_info', { version, node: process.version }, 1);
  return {
    ...instruments,
    recordManifest: (manifest, namespace, pipeline) => {
      if (isNew(`step ${namespace}/${pipeline} ${manifest.key}`)) countStep(instruments, manifest, namespace, pipeline);
    },
    recordRun: (run, end) => {
      if (isNew(`run ${run.pipeline} ${run.run}`)) countRun(instruments, run, end);
    },
  };
}

function countStep(instruments: Instruments, manifest: PublishedStep, namespace: string, pipeline: string): void {
  const { dataset, stage, cost } = manifest;
  const labels = { namespace, pipeline, dataset };
  const took = Date.parse(manifest.finishedAt) - Date.parse(manifest.startedAt);
  // As queues are called, so that series about one stage can be put side by side.
  instruments.observe('step_seconds', { ...labels, stage: stage.toLowerCase() }, took / 1000);
  for (const [outcome, rows] of Object.entries(outcomes(manifest))) {
    instruments.add('rows_total', { ...labels, outcome }, rows);
  }
  for (const { reason } of manifest.notices ?? []) instruments.add('notices_total', { ...labels, reason }, 1);
  if (isStage(manifest, 'Clean')) {
    for (const [reason, rows] of Object.entries(manifest.ledger.rejected)) {
      instruments.add('rejected_rows_total', { ...labels, reason }, rows);
    }
  }
  if (stage === 'Extract') {
    instruments.add('requests_total', { ...labels, outcome: 'published' }, cost.requests);
    instruments.add('credits_spent_total', labels, cost.credits);
    const remaining = manifest.source?.creditsRemaining;
    if (remaining !== undefined) instruments.set('credits_remaining', labels, remaining);
    instruments.add('bytes_total', { ...labels, direction: 'in' }, cost.bytes);
  }
}

/** Outcome → rows. Rows that a load reads are those that were clean: they are not counted a second time. */
function outcomes(manifest: PublishedStep): Readonly<Record<string, number>> {
  if (isStage(manifest, 'Clean')) {
    const { read, clean, rejected, filtered, deduplicated } = manifest.ledger;
    return { read, clean, rejected: total(rejected), filtered, deduplicated };
  }
  if (isStage(manifest, 'Load')) {
    const { added, modified, unchanged, superseded, marked } = manifest.ledger;
    return { added, modified, unchanged, superseded, marked };
  }
  return {};
}

function countRun(instruments: Instruments, run: CountedRun, { trigger, finishedAt }: RunEnd): void {
  const [namespace = '', pipeline = ''] = run.pipeline.split('/');
  const labels = { namespace, pipeline };
  instruments.add('runs_total', { ...labels, result: run.status, trigger }, 1);
  instruments.observe('run_seconds', labels, run.seconds);
  instruments.set('conserved', labels, run.conserved ? 1 : 0);
  if (run.status === 'Succeeded') {
    instruments.set('last_success_timestamp_seconds', labels, finishedAt.getTime() / 1000);
  }
}

/** Tells whether a key is new; forgets the oldest beyond the limit. */
function seenOnce(limit: number): (key: string) => boolean {
  const seen = new Set<string>();
  return (key) => {
    if (seen.has(key)) return false;
    seen.add(key);
    for (const oldest of seen) {
      if (seen.size <= limit) break;
      seen.delete(oldest);
    }
    return true;
  };
}

/**
 * Writes the metrics as a file for node_exporter's textfile collector, which must never see half a file:
 * a temporary file beside it (not named `*.prom`) takes its place.
 */
export async function writeMetricsFile(metrics: Pick<Metrics, 'text'>, path: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, await metrics.text());
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one to tell
    const found = error instanceof Error ? error.message : String(error);
    throw new TerminalError(
      'MetricsFile',
      `the metrics file ${path} cannot be written: ${found}; name a file in a folder that you may write to`,
      { cause: error },
    );
  }
}
