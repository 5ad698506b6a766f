import type { Pipeline, PipelineRun } from '../api/index.ts';
import { isPaused } from '../controller/schedule.ts';
import { namespace } from '../controller/standalone/namespace.ts';
import { openResources } from '../controller/standalone/resources.ts';
import { dataDirOption, outputOption } from './options.ts';
import { print, table } from './output.ts';
import type { Verb } from './verb.ts';

interface StatusOptions {
  readonly dataDir: string;
  readonly output: string;
}

/** A pipeline, and one of its runs if there is any. */
interface StatusLine {
  readonly pipeline: string;
  readonly state: ScheduleState;
  /** When the schedule starts the next run. */
  readonly nextRun?: string;
  readonly run?: PipelineRun;
}

/** `jobpulse status`: pipelines of this machine and their newest runs. Reads files only, so it works at any time. */
export const status: Verb = (program) => {
  program
    .command('status')
    .description('show the pipelines of this machine, their schedules and their newest runs')
    .argument('[pipeline]', 'only this pipeline, with all its runs')
    .addOption(dataDirOption())
    .addOption(outputOption())
    .addHelpText('after', helpOnStates)
    .action(async (pipeline: string | undefined, options: StatusOptions) => {
      const lines = await statusLines(options.dataDir, pipeline);
      const none = nothing(options.dataDir, pipeline);
      print(lines, options.output, () => (lines.length === 0 ? none : table(heads, lines.map(cells))));
    });
};

const helpOnStates = `
States: Scheduled; ByHand (it has no schedule); Paused (by \`jobpulse pause\`); Suspended (by its manifest, or that is gone);
Unattended (it has a schedule, but no \`jobpulse up\` keeps it).`;

const nothing = (dataDir: string, pipeline: string | undefined): string =>
  pipeline === undefined
    ? `no pipelines in ${dataDir}; start one with: jobpulse run <manifest>`
    : `no pipeline ${pipeline} in ${dataDir}; start it with: jobpulse run <manifest>`;

/** Every pipeline with its newest run, or one with all its runs, newest first. */
async function statusLines(dataDir: string, only: string | undefined): Promise<readonly StatusLine[]> {
  const { pipelines, runs } = openResources(dataDir, namespace);
  const runsOf = Map.groupBy(await runs.list(), ({ spec }) => spec.pipelineRef.name);
  return (await pipelines.list())
    .filter(({ metadata }) => only === undefined || metadata.name === only)
    .flatMap((pipeline) => {
      const { name } = pipeline.metadata;
      const facts = { pipeline: name, ...scheduleOf(pipeline, new Date()) };
      const newestFirst = (runsOf.get(name) ?? []).toSorted((a, b) => asOf(b).localeCompare(asOf(a)));
      const shown = only === undefined ? newestFirst.slice(0, 1) : newestFirst;
      return shown.length === 0 ? [facts] : shown.map((run) => ({ ...facts, run }));
    });
}

type ScheduleState = 'ByHand' | 'Paused' | 'Suspended' | 'Scheduled' | 'Unattended';

function scheduleOf(pipeline: Pipeline, now: Date): Pick<StatusLine, 'state' | 'nextRun'> {
  const { spec, status } = pipeline;
  if (spec.schedule === undefined) return { state: 'ByHand' };
  if (isPaused(pipeline)) return { state: 'Paused' };
  if (spec.suspend) return { state: 'Suspended' };
  // A process that was killed leaves the time of a tick that nobody was there for.
  const nextRun = status?.nextRunTime;
  const isAttended = nextRun !== undefined && Date.parse(nextRun) > now.getTime() - lateMs;
  return isAttended ? { state: 'Scheduled', nextRun } : { state: 'Unattended' };
}

/** A tick is acted on within this time. */
const lateMs = 60_000;

const asOf = (run: PipelineRun): string => run.status?.asOf ?? '';

const heads = [
  ...['PIPELINE', 'STATE', 'NEXT RUN', 'RUN', 'PHASE', 'STEPS', 'READ', 'REJECTED', 'ADDED', 'MODIFIED', 'AS OF'],
  'MESSAGE',
];

const cells = ({ pipeline, state, nextRun, run }: StatusLine): string[] => [
  ...[pipeline, state, nextRun ?? ''],
  ...(run === undefined ? [] : runCells(run)),
];

function runCells(run: PipelineRun): string[] {
  const { metadata, status } = run;
  const sum = (count: 'read' | 'rejected' | 'added' | 'modified') =>
    String((status?.datasets ?? []).reduce((total, dataset) => total + (dataset[count] ?? 0), 0));
  const { total = 0, failed = 0 } = status?.steps ?? {};
  return [
    metadata.name,
    status?.phase ?? 'Pending',
    failed > 0 ? `${total} (${failed} failed)` : String(total),
    ...(['read', 'rejected', 'added', 'modified'] as const).map(sum),
    asOf(run),
    status?.conditions?.find(({ type }) => type === 'Succeeded')?.message ?? '',
  ];
}
