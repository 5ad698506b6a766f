import type { Pipeline, PipelineRun, PipelineStatus } from '../api/index.ts';
import { endedRuns } from '../controller/status/runs.ts';
import { type PoolName, poolNames, pools } from '../queue/names.ts';
import { table } from './output.ts';

/** A pool of workers of a pipeline: what it has before it, and how fast it is. */
export interface TopLine {
  readonly pipeline: string;
  readonly pool: PoolName;
  /** Steps that wait or are under way; absent while the queues cannot be read. */
  readonly backlog?: number;
  readonly active?: number;
  readonly failed?: number;
  /** Workers there are, and should be. */
  readonly workers: number;
  readonly desired: number;
  /** Seconds that a step takes, as a moving average. */
  readonly stepSeconds?: number;
  /** What the steps under way come to at that speed. */
  readonly stepsPerMinute?: number;
  /** Records that the newest run read in a minute, from its first step to its end. */
  readonly rowsPerMinute?: number;
  /** Why the pool has its size, and what kept it from another. */
  readonly why: readonly string[];
}

/** A line for each pool that is used, the busiest first. */
export function topLines(pipelines: readonly Pipeline[], runs: readonly PipelineRun[]): readonly TopLine[] {
  const runsOf = Map.groupBy(runs, ({ spec }) => spec.pipelineRef.name);
  return pipelines
    .flatMap(({ metadata: { name }, status = {} }) => {
      const rows = rowsPerMinute(runsOf.get(name) ?? []);
      return poolNames.flatMap((pool) => lineOf(name, pool, status, rows));
    })
    .toSorted((a, b) => load(b) - load(a) || (b.active ?? 0) - (a.active ?? 0) || b.workers - a.workers);
}

const load = ({ backlog = 0 }: TopLine): number => backlog;

function lineOf(
  pipeline: string,
  pool: PoolName,
  { stages = [] }: PipelineStatus,
  rows: number | undefined,
): TopLine[] {
  const own = stages.filter(({ name }) => (pools[pool] as readonly string[]).includes(name));
  const [first] = own;
  if (first === undefined) return [];
  const { replicas: workers = 0, desired = 0, scaling } = first;
  const isKnown = own.every(({ waiting }) => waiting !== undefined);
  const sum = (count: 'waiting' | 'active' | 'failed') => own.reduce((total, stage) => total + (stage[count] ?? 0), 0);
  const { stepSeconds } = scaling ?? {};
  const active = sum('active');
  return [
    {
      ...{ pipeline, pool, workers, desired },
      ...(isKnown && { backlog: sum('waiting') + active, active, failed: sum('failed') }),
      ...(stepSeconds !== undefined && { stepSeconds }),
      // Little's law: steps under way = steps in a second x seconds of a step.
      ...(isKnown && stepSeconds && { stepsPerMinute: Math.round((active / stepSeconds) * 60) }),
      // Records are counted where they are cleaned.
      ...(pool === 'clean' && rows !== undefined && { rowsPerMinute: rows }),
      why: scaling === undefined ? [] : [scaling.reason, ...scaling.limits],
    },
  ];
}

/** Of the newest run that read anything: the ledger of a run is known at its end. */
function rowsPerMinute(runs: readonly PipelineRun[]): number | undefined {
  for (const { status = {} } of endedRuns({ runs })) {
    const read = (status.datasets ?? []).reduce((total, dataset) => total + (dataset.read ?? 0), 0);
    const seconds = (Date.parse(status.finishTime ?? '') - Date.parse(status.startTime ?? '')) / 1000;
    if (read > 0 && seconds > 0) return Math.round((read / seconds) * 60);
  }
  return undefined;
}

const heads = ['PIPELINE', 'POOL', 'BACKLOG', 'ACTIVE', 'FAILED', 'WORKERS', 'S/STEP', 'STEPS/MIN', 'ROWS/MIN', 'WHY'];

/** The lines as a table of at most so many, below what they sum up to. */
export function topText(lines: readonly TopLine[], most = Number.POSITIVE_INFINITY): string {
  const total = (count: (line: TopLine) => number | undefined) =>
    lines.reduce((all, line) => all + (count(line) ?? 0), 0);
  const pipelines = new Set(lines.map(({ pipeline }) => pipeline)).size;
  const unknown = lines.filter(({ backlog }) => backlog === undefined).length;
  const sums = [
    `${pipelines} ${pipelines === 1 ? 'pipeline' : 'pipelines'}: ${total(({ backlog }) => backlog)} steps, ${total(({ active }) => active)} of them under way`,
    `${total(({ workers }) => workers)} workers of ${total(({ desired }) => desired)}`,
    ...(unknown > 0 ? [`queues of ${unknown} pools cannot be read`] : []),
  ];
  const rows = lines
    .slice(0, most)
    .map((line) => [
      ...[line.pipeline, line.pool, shown(line.backlog), shown(line.active), shown(line.failed)],
      ...[`${line.workers}/${line.desired}`, shown(line.stepSeconds), shown(line.stepsPerMinute)],
      ...[shown(line.rowsPerMinute), line.why.join(', ')],
    ]);
  return `${sums.join('; ')}\n${table(heads, rows)}`;
}

const shown = (number: number | undefined): string | number => number ?? '';
