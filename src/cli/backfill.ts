import { InvalidArgumentError, Option } from 'commander';
import type { Pipeline, PipelineRun, PipelineRunSpec } from '../api/index.ts';
import { hasEnded } from '../controller/runs.ts';
import { sha256 } from '../run/key.ts';
import { CliError, exitCodes } from './exit.ts';
import { fromOption, paramOption } from './options.ts';
import type { Override } from './overrides.ts';
import { pipelineOf } from './places/place.ts';
import { requestOf } from './request.ts';
import { type StartRunOptions, startRun, withRun } from './startRun.ts';
import type { Verb } from './verb.ts';

interface BackfillOptions extends StartRunOptions {
  readonly fromTime: string;
  readonly toTime: string;
  readonly from: PipelineRunSpec['from'];
  readonly param: readonly Override[];
  readonly dataset?: string[];
  readonly priority: PipelineRunSpec['priority'];
  readonly maxShare: number;
  readonly refresh: boolean;
  readonly name?: string;
}

/** `jobpulse backfill`: a run over a period of the past, beside the runs that go on. */
export const backfill: Verb = (program, home) => {
  const command = program
    .command('backfill')
    .description('run a pipeline over a period of the past, beside its other runs')
    .argument('<pipeline>', 'name of a pipeline that was applied')
    .requiredOption('--from-time <time>', 'start of the period: 2026-03-01 (in the time zone of the pipeline) or …Z')
    .requiredOption('--to-time <time>', 'end of the period; it is not in it')
    .addOption(fromOption())
    .addOption(paramOption())
    .option('--dataset <name...>', 'only these datasets')
    .addOption(
      new Option('--priority <priority>', 'whose steps go first').choices(['High', 'Normal', 'Low']).default('Low'),
    )
    .option('--max-share <percent>', 'share of the slots it may take while other runs wait', percent, 20)
    .option('--refresh', 'do again what is published already', false)
    .option('--name <run>', 'name of the run; default: after the pipeline and the period');
  withRun(command, home)
    .addHelpText('after', helpOnPast)
    .action((name: string, options: BackfillOptions) =>
      startRun(options, async (place) => {
        const pipeline = await pipelineOf(place, name);
        const interval = intervalOf(pipeline, options);
        const { from, refresh, priority, maxShare: maxSharePercent } = options;
        const spec = { ...requestOf(pipeline, options), from, refresh, interval, priority, maxSharePercent };
        const run = options.name ?? backfillName(name, interval);
        const wanted = { name: run, pipeline, trigger: 'Backfill', spec } as const;
        const before = (await place.runs()).find(({ metadata }) => metadata.name === run);
        const share = `priority ${priority}, at most ${maxSharePercent} % of the slots while other runs wait`;
        const told = before && hasEnded(before) ? endedBefore(before) : share;
        return { wanted, told: `${interval.start} to ${interval.end}; ${told}` };
      }),
    );
};

const helpOnPast = `
A source that cannot be asked about the past (one without \`extract.window\`) is not asked: what was fetched then is cleaned,
loaded and transformed again. Asked for again, a backfill of one period has the same name, so there is one of it: it goes
on if it was interrupted, and is not done again if it has ended. With another --name it asks for what is missing; with
--refresh, for all of the period.`;

const endedBefore = ({ status }: PipelineRun): string =>
  `it ended before (${status?.phase}, ${status?.finishTime}) and is not done again; --name gives another run`;

function percent(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100) throw new InvalidArgumentError('it is not 1 to 100');
  return value;
}

type Interval = NonNullable<PipelineRunSpec['interval']>;

function intervalOf({ spec }: Pipeline, { fromTime, toTime }: BackfillOptions): Interval {
  const interval = { start: instantOf(fromTime, spec.timeZone), end: instantOf(toTime, spec.timeZone) };
  if (Date.parse(interval.start) < Date.parse(interval.end)) return interval;
  throw new CliError(exitCodes.invalid, `--from-time ${fromTime} must be before --to-time ${toTime}`);
}

/** A moment in UTC; a date is its midnight in a time zone. */
export function instantOf(text: string, timeZone: string): string {
  try {
    const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text);
    const instant = isDate
      ? Temporal.PlainDate.from(text).toZonedDateTime({ timeZone }).toInstant()
      : Temporal.Instant.from(text);
    return instant.toString({ smallestUnit: 'second' });
  } catch {
    throw new CliError(exitCodes.invalid, `"${text}" is no time; write 2026-03-01 or 2026-03-01T06:00:00Z`);
  }
}

/** The longest name that a run can have. */
const longestName = 63;

/** One name per period: `usajobs-backfill-20260301-20260401`. */
export function backfillName(pipeline: string, { start, end }: Interval): string {
  const readable = `${pipeline}-backfill-${stamp(start)}-${stamp(end)}`;
  if (readable.length <= longestName) return readable;
  return `${pipeline}-backfill-${sha256(`${start}/${end}`)
    .replace(/^sha256:/, '')
    .slice(0, 12)}`;
}

/** `20260301`, or `20260301t0600` when it is not midnight. */
const stamp = (instant: string): string =>
  instant
    .replaceAll(/[-:]/g, '')
    .replace(/(T0000)?00Z$/, '')
    .replace('Z', '')
    .toLowerCase();
