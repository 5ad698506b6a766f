import type { Pipeline, PipelineRun } from '../api/index.ts';
import { hasEnded } from '../controller/runs.ts';
import type { RunWish } from '../controller/standalone/submit.ts';
import { CliError, exitCodes } from './exit.ts';
import { pipelineOf, runOf } from './places/place.ts';
import { type StartRunOptions, startRun, withRun } from './startRun.ts';
import type { Verb } from './verb.ts';

/** `jobpulse redrive`: does again what failed in a run. */
export const redrive: Verb = (program, home) => {
  const command = program
    .command('redrive')
    .description('do again what failed in a run: its datasets, from the earliest stage that failed')
    .argument('<run>', 'name of a run that has ended');
  withRun(command, home).action((name: string, options: StartRunOptions) =>
    startRun(options, async (place) => {
      const run = await runOf(place, name);
      const pipeline = await pipelineOf(place, run.spec.pipelineRef.name);
      const names = (await place.runs()).filter((each) => hasEnded(each)).map(({ metadata }) => metadata.name);
      const spec = redriveOf(pipeline, run);
      const wanted = { name: redriveName(name, new Set(names)), pipeline, trigger: 'Redrive', spec } as const;
      const what = spec.datasets.length === 0 ? 'everything' : spec.datasets.join(', ');
      return { wanted, told: `${what}, from ${spec.from} on, because ${countOf(run)} failed in ${name}` };
    }),
  );
};

const stages = ['Extract', 'Clean', 'Load', 'Transform'] as const;

/** What a run has to do to make up for the failures of another: its params and its period are the same. */
export function redriveOf({ spec }: Pick<Pipeline, 'spec'>, run: PipelineRun): RunWish {
  const { params = [], interval, priority, maxSharePercent } = run.spec;
  const common = { params, priority, maxSharePercent, ...(interval === undefined ? {} : { interval }) };
  const failures = failuresOf(run);
  // A plan that failed has told nothing of any dataset: everything the run wanted is wanted again.
  if (failures.length === 0 || failures.some(({ stage }) => stage === 'Plan')) {
    return { ...common, from: run.spec.from, datasets: run.spec.datasets };
  }
  const from = stages.find((each) => failures.some(({ stage }) => stage === each)) ?? 'Extract';
  const failed = new Set(failures.map(({ dataset }) => dataset));
  return { ...common, from, datasets: spec.datasets.map(({ name }) => name).filter((name) => failed.has(name)) };
}

/** The failures that held something back: housekeeping that failed is done by the next run anyway. */
function failuresOf({ metadata, status }: PipelineRun): NonNullable<NonNullable<PipelineRun['status']>['failures']> {
  const failures = (status?.failures ?? []).filter(({ stage }) => stage !== 'Sweep' && stage !== 'Compact');
  if (failures.length > 0 || status?.phase === 'Failed') return failures;
  const how = status?.phase === undefined ? 'has not begun' : `is ${status.phase}`;
  throw new CliError(
    exitCodes.invalid,
    `nothing failed in ${metadata.name}, which ${how}; there is nothing to redrive`,
  );
}

const countOf = ({ status }: PipelineRun): string => {
  const count = status?.steps?.failed ?? status?.failures?.length ?? 0;
  return count === 0 ? 'it' : count === 1 ? '1 step' : `${count} steps`;
};

/** Redrives of one run that are told apart. */
const mostRedrives = 99;

/** `<run>-redrive`, and a number when that has ended: asked twice at once, there is one. */
export function redriveName(run: string, ended: ReadonlySet<string>): string {
  const base = `${run.replace(/-redrive(-\d+)?$/, '').slice(0, 50)}-redrive`;
  for (let count = 2, name = base; count <= mostRedrives; count += 1) {
    if (!ended.has(name)) return name;
    name = `${base}-${count}`;
  }
  throw new CliError(exitCodes.invalid, `${run} has been redriven ${mostRedrives} times; mend what fails first`);
}
