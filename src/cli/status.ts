import type { Pipeline, PipelineRun } from '../api/index.ts';
import { isPaused } from '../controller/schedule.ts';
import { outputOption } from './options.ts';
import { print, table } from './output.ts';
import { inPlace, type PlaceOptions, withPlace } from './places/open.ts';
import { type Place, pipelineOf } from './places/place.ts';
import { statusColumns } from './statusColumns.ts';
import type { Verb } from './verb.ts';

interface StatusOptions extends PlaceOptions {
  readonly output: string;
  readonly wide: boolean;
}

/** A pipeline, and one of its runs if there is any. */
export interface StatusLine {
  readonly pipeline: string;
  readonly state: ScheduleState;
  /** When the schedule starts the next run. */
  readonly nextRun?: string;
  /** The pipeline's status, as its controller wrote it. */
  readonly status?: NonNullable<Pipeline['status']>;
  readonly run?: PipelineRun;
}

/** `jobpulse status`: pipelines and their newest runs. On this machine it reads files only, so it works at any time. */
export const status: Verb = (program, home) => {
  const command = program
    .command('status')
    .description('show pipelines, how they are, their schedules and their newest runs')
    .argument('[pipeline]', 'only this pipeline, with all its runs')
    .option('--wide', 'more columns', false);
  withPlace(command, home)
    .addOption(outputOption())
    .addHelpText('after', ({ command }) => helpOnStates(command.parent?.name() ?? 'jobpulse'))
    .action((pipeline: string | undefined, options: StatusOptions) =>
      inPlace(options, async (place) => {
        const lines = await statusLines(place, pipeline);
        print(lines, options.output, () => statusText(place, lines, options.wide));
      }),
    );
};

const helpOnStates = (program: string) => `
Schedules: Scheduled; After (other pipelines); ByHand (none); Paused (by \`${program} pause\`); Suspended (by its manifest,
or that is gone); Unattended (it has a schedule, but nothing keeps it). Why one is not ready: \`${program} why <pipeline>\`.`;

function statusText(place: Place, lines: readonly StatusLine[], wide: boolean): string {
  if (lines.length === 0) return `no pipelines in ${place.name}; ${place.begin}`;
  const columns = statusColumns.filter((column) => wide || !column.wide);
  const rows = lines.map((line) => columns.map(({ cell }) => cell(line)));
  return [
    table(
      columns.map(({ head }) => head),
      rows,
    ),
    ...unattendedText(lines),
  ].join('\n');
}

/** The time since when nobody looks after a pipeline is that of the first that was left. */
function unattendedText(lines: readonly StatusLine[]): string[] {
  const since = lines
    .filter(({ state }) => state !== 'ByHand')
    .flatMap(({ status }) => status?.conditions ?? [])
    .flatMap(({ reason, lastTransitionTime }) => (reason === 'Unattended' ? [lastTransitionTime] : []))
    .toSorted()[0];
  return since === undefined ? [] : [`nobody looks after them since ${since}; \`jobpulse up <folder>\` does`];
}

/** Every pipeline with its newest run, or one with all its runs, newest first. */
async function statusLines(place: Place, only: string | undefined): Promise<readonly StatusLine[]> {
  const pipelines = only === undefined ? await place.pipelines() : [await pipelineOf(place, only)];
  const runsOf = Map.groupBy(await place.runs(), ({ spec }) => spec.pipelineRef.name);
  return pipelines.flatMap((pipeline) => {
    const { name } = pipeline.metadata;
    const facts = {
      ...{ pipeline: name, ...scheduleOf(pipeline, new Date()) },
      ...(pipeline.status === undefined ? {} : { status: pipeline.status }),
    };
    const newestFirst = (runsOf.get(name) ?? []).toSorted((a, b) => asOf(b).localeCompare(asOf(a)));
    const shown = only === undefined ? newestFirst.slice(0, 1) : newestFirst;
    return shown.length === 0 ? [facts] : shown.map((run) => ({ ...facts, run }));
  });
}

type ScheduleState = 'ByHand' | 'After' | 'Paused' | 'Suspended' | 'Scheduled' | 'Unattended';

function scheduleOf(pipeline: Pipeline, now: Date): Pick<StatusLine, 'state' | 'nextRun'> {
  const { spec, status } = pipeline;
  const isAfter = (spec.after ?? []).length > 0; // stored by a version that had no `after`, it has none
  if (spec.schedule === undefined && !isAfter) return { state: 'ByHand' };
  if (isPaused(pipeline)) return { state: 'Paused' };
  if (spec.suspend) return { state: 'Suspended' };
  if (spec.schedule === undefined) return { state: 'After' };
  // A process that was killed leaves the time of a tick that nobody was there for.
  const nextRun = status?.nextRunTime;
  const isAttended = nextRun !== undefined && Date.parse(nextRun) > now.getTime() - lateMs;
  return isAttended ? { state: 'Scheduled', nextRun } : { state: 'Unattended' };
}

/** A tick is acted on within this time. */
const lateMs = 60_000;

const asOf = (run: PipelineRun): string => run.status?.asOf ?? '';
