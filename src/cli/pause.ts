import type { PipelineRunSpec } from '../api/index.ts';
import { hasEnded } from '../controller/runs.ts';
import { CliError, exitCodes } from './exit.ts';
import { inPlace, type PlaceOptions, withPlace } from './places/open.ts';
import { type Place, pipelineOf, runOf, unfinishedRuns } from './places/place.ts';
import type { Verb } from './verb.ts';

interface SteerOptions extends PlaceOptions {
  readonly run?: string;
  readonly runs?: boolean;
}

/** `jobpulse pause`: lets a schedule rest, whatever the manifest says, or a run, until `jobpulse resume`. */
export const pause: Verb = (program, home) => {
  const command = program
    .command('pause')
    .description("let a pipeline's schedule rest (it can still be run by hand), or one of its runs")
    .argument('[pipeline]', 'name of a pipeline that was applied')
    .option('--run <run>', 'let this run rest instead: its steps that are under way end, and no other begins');
  withPlace(command, home).action((pipeline: string | undefined, options: SteerOptions) =>
    inPlace(options, (place) => change(place, pipeline, options.run, true)),
  );
};

/** `jobpulse resume`: lets what was paused go on. */
export const resume: Verb = (program, home) => {
  const command = program
    .command('resume')
    .description('let a paused schedule go on (what it missed meanwhile is not made up for), or a paused run')
    .argument('[pipeline]', 'name of a paused pipeline')
    .option('--run <run>', 'let this run go on instead')
    .option('--runs', 'let all runs of the pipeline that rest go on, too');
  withPlace(command, home).action((pipeline: string | undefined, options: SteerOptions) =>
    inPlace(options, async (place) => {
      await change(place, pipeline, options.run, false);
      if (pipeline !== undefined) await resumeRuns(place, pipeline, options.runs ?? false);
    }),
  );
};

/** `jobpulse cancel`: ends a run as it is. */
export const cancel: Verb = (program, home) => {
  const command = program
    .command('cancel')
    .description('end a run as it is: what is published stays published')
    .argument('<run>', 'name of a run that has not ended');
  withPlace(command, home).action((run: string, options: PlaceOptions) =>
    inPlace(options, (place) => setState(place, run, 'Cancel', 'cancelled')),
  );
};

async function change(
  place: Place,
  pipeline: string | undefined,
  run: string | undefined,
  paused: boolean,
): Promise<void> {
  const outcome = paused ? 'paused' : 'resumed';
  if ((pipeline === undefined) === (run === undefined)) {
    throw new CliError(exitCodes.invalid, 'name a pipeline, or a run with --run <run>, and not both');
  }
  if (run !== undefined) return setState(place, run, paused ? 'Pause' : 'Run', outcome);
  const { metadata } = await pipelineOf(place, pipeline ?? '');
  await place.pause(metadata.name, paused);
  process.stdout.write(`${metadata.name}: ${outcome}\n`);
}

/** The runs of a pipeline that rest: they go on, or it is told how. */
async function resumeRuns(place: Place, pipeline: string, wanted: boolean): Promise<void> {
  const resting = unfinishedRuns(await place.runs(), pipeline).filter(({ spec }) => spec.state === 'Pause');
  for (const { metadata } of wanted ? resting : []) await setState(place, metadata.name, 'Run', 'resumed');
  if (wanted || resting.length === 0) return;
  const names = resting.map(({ metadata }) => metadata.name).join(', ');
  process.stdout.write(
    `its runs still rest: ${names}; let them go on with: ${place.command(`resume ${pipeline} --runs`)}\n`,
  );
}

async function setState(place: Place, name: string, state: PipelineRunSpec['state'], outcome: string): Promise<void> {
  const run = await runOf(place, name);
  if (hasEnded(run)) throw new CliError(exitCodes.invalid, `${name} has ended already (${run.status?.phase})`);
  await place.setState(name, state);
  process.stdout.write(`${name}: ${outcome}\n`);
}
