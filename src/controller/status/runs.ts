import { type PipelineRun, type PipelineSpec, type PipelineStatus, parseDuration } from '../../api/index.ts';
import { instant } from '../../api/units.ts';
import { hasEnded } from '../runs.ts';
import { type Seen, specAtWork, statusBefore } from './seen.ts';

/** Runs that have ended, newest first. */
export const endedRuns = ({ runs }: Pick<Seen, 'runs'>): readonly PipelineRun[] =>
  runs.filter(hasEnded).toSorted((a, b) => endOf(b) - endOf(a) || (a.metadata.name < b.metadata.name ? 1 : -1));

const endOf = ({ status }: PipelineRun): number => Date.parse(status?.finishTime ?? status?.asOf ?? '') || 0;

/** A time as it stands in a status, unless it is none: others may write there too. */
const moment = (text: unknown): string | undefined =>
  typeof text === 'string' && instant.safeParse(text).success ? text : undefined;

/** Whether a run asks sources for what there is now: a backfill asks for a period, a replay for nothing. */
const asksSources = ({ spec }: PipelineRun): boolean =>
  (spec.from ?? 'Extract') === 'Extract' && spec.interval === undefined;

/** Whether a run looked at all sources as they are now: only then is the data fresher. */
export const looksAtAllSources = (run: PipelineRun): boolean =>
  asksSources(run) && (run.spec.datasets ?? []).length === 0;

/** The newest run that ended, in short; what is known of it stays when the run itself is gone. */
export function lastRunOf(seen: Seen): PipelineStatus['lastRun'] {
  const [run] = endedRuns(seen);
  if (run === undefined) return statusBefore(seen).lastRun;
  const { phase } = run.status ?? {};
  const finishTime = moment(run.status?.finishTime);
  return {
    name: run.metadata.name,
    ...(phase === undefined ? {} : { phase }),
    ...(finishTime === undefined ? {} : { finishedAt: finishTime }),
    ...{ added: sum(run, 'added'), modified: sum(run, 'modified') },
  };
}

/** Rows that the newest run rejected. */
export function rejectedOf(seen: Seen): number | undefined {
  const [run] = endedRuns(seen);
  return run === undefined ? statusBefore(seen).rejected : sum(run, 'rejected');
}

const sum = ({ status }: PipelineRun, count: 'added' | 'modified' | 'rejected'): number =>
  (status?.datasets ?? []).reduce((total, dataset) => total + (dataset[count] ?? 0), 0);

/** When a run that looked at all sources last ended well, also when that run is gone. */
export function lastSuccess(seen: Seen): string | undefined {
  const newest = endedRuns(seen).find((run) => run.status?.phase === 'Succeeded' && looksAtAllSources(run));
  const times = [newest?.status?.finishTime, statusBefore(seen).lastSuccessTime].flatMap((time) => moment(time) ?? []);
  return times.toSorted((a, b) => Date.parse(b) - Date.parse(a))[0];
}

/** Until when the data is fresh enough: after the last success, or, before the first, after the pipeline was made. */
export function freshUntil(seen: Seen): Date | undefined {
  const freshness = specAtWork(seen)?.freshness;
  const since = lastSuccess(seen) ?? createdAt(seen);
  if (freshness === undefined || since === undefined) return undefined;
  return new Date(Math.min(Date.parse(since) + parseDuration(freshness), latest));
}

/** A status holds years of four digits. */
const latest = Date.parse('9999-12-31T23:59:59Z');

/** Both worlds note when an object was made. */
const createdAt = ({ pipeline }: Seen): string | undefined => moment(pipeline.metadata.creationTimestamp);

/** What is published of each dataset, as far as runs tell. */
export function datasetsOf(seen: Seen): PipelineStatus['datasets'] {
  const before = statusBefore(seen).datasets ?? [];
  const spec: Pick<PipelineSpec, 'datasets'> | undefined = specAtWork(seen);
  if (spec === undefined) return before.length === 0 ? undefined : before;
  const ended = endedRuns(seen);
  const succeeded = ended.filter(({ status }) => status?.phase === 'Succeeded');
  return spec.datasets.map(({ name }) => {
    const known = before.find((dataset) => dataset.name === name);
    const newest = succeeded.find((run) => run.spec.interval === undefined && gave(run, name) !== undefined);
    const asOf = moment(newest?.status?.asOf) ?? known?.asOf;
    const covered = succeeded.map((run) => gave(run, name)?.covered ?? []).find((periods) => periods.length > 0);
    return {
      ...known,
      ...{ name, covered: covered ?? known?.covered ?? [] },
      ...(asOf === undefined ? {} : { asOf }),
      ...leftOf(ended.filter(asksSources), name),
    };
  });
}

/** What the newest run that tells of it left to the next one. */
function leftOf(runs: readonly PipelineRun[], name: string) {
  const left = {
    slicesMissing: runs.map((run) => gave(run, name)?.slicesMissing).find((slices) => slices !== undefined),
    deferred: runs.map((run) => gave(run, name)?.deferred).find((items) => items !== undefined),
  };
  return Object.fromEntries(Object.entries(left).filter(([, count]) => count !== undefined));
}

const gave = ({ status }: PipelineRun, name: string) => status?.datasets?.find((dataset) => dataset.name === name);
