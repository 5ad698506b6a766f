import { setTimeout as sleep } from 'node:timers/promises';
import { type Pipeline, type PipelineRun, parseDuration } from '../api/index.ts';
import { isSettled } from '../controller/runs.ts';
import { exitCodes } from './exit.ts';
import { durationArgument, outputOption } from './options.ts';
import { type Progress, print, progress, silent } from './output.ts';
import { inPlace, type PlaceOptions, withPlace } from './places/open.ts';
import { type Place, pipelineOf, unfinishedRuns } from './places/place.ts';
import type { Verb } from './verb.ts';

interface DrainOptions extends PlaceOptions {
  readonly timeout: string;
  readonly finish: boolean;
  readonly output: string;
}

/** `jobpulse drain`: lets a pipeline come to rest, and says when nothing of it is under way any more. */
export const drain: Verb = (program, home) => {
  const command = program
    .command('drain')
    .description(
      'let a pipeline come to rest: no run begins, and steps under way end; waits until nothing is under way',
    )
    .argument('<pipeline>', 'name of a pipeline that was applied')
    .option('--finish', 'let its runs go to their end, instead of resting when their steps under way have ended', false)
    .option('--timeout <duration>', 'how long to wait: 90s, 10m, 2h', durationArgument, '10m');
  withPlace(command, home)
    .addOption(outputOption())
    .addHelpText('after', helpOnDrain)
    .action((name: string, options: DrainOptions) =>
      inPlace(
        options,
        async (place, signal) => {
          const shown = options.output === 'json' ? silent : progress();
          const outcome = await drained(place, name, { ...options, signal, progress: shown }).finally(shown.end);
          print(outcome, options.output, () => drainText(place, outcome));
          if (!outcome.drained) process.exitCode = exitCodes.failed;
        },
        'the pipeline comes to rest all the same',
      ),
    );
};

const helpOnDrain = `
Nothing is thrown away: what is published stays, and what rests goes on with \`resume <pipeline> --runs\`. Exit code 1: the
time was up, and it says what is still under way; the pipeline still comes to rest.`;

/** Something that is still under way. */
interface UnderWay {
  readonly run: string;
  readonly phase: string;
  /** Steps of it that workers do now. */
  readonly running: number;
  /** When they were counted. */
  readonly countedAt?: string;
}

export interface Drained {
  readonly pipeline: string;
  readonly drained: boolean;
  /** Runs that rest. */
  readonly resting: readonly string[];
  readonly underWay: readonly UnderWay[];
  /** Steps under way by stage, as the queues have it. */
  readonly stages: readonly { readonly name: string; readonly active: number }[];
}

interface Drain {
  readonly timeout: string;
  readonly finish: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

const pollMs = 1_000;

/** Asks for rest until there is: a run that began while the schedule was being paused is asked, too. */
async function drained(place: Place, name: string, { timeout, finish, signal, progress }: Drain): Promise<Drained> {
  const deadline = performance.now() + parseDuration(timeout);
  await pipelineOf(place, name);
  await place.pause(name, true);
  for (;;) {
    signal.throwIfAborted();
    const before = await place.runs();
    const toRest = finish ? [] : unfinishedRuns(before, name).filter(({ spec }) => spec.state === 'Run');
    for (const { metadata } of toRest) await place.setState(metadata.name, 'Pause');
    const runs = toRest.length === 0 ? before : await place.runs();
    const outcome = drainOf(await pipelineOf(place, name), runs);
    if (outcome.drained || performance.now() > deadline) return outcome;
    progress.update(`${name}: ${underWayText(outcome)}`);
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/** How far a pipeline is from rest, by its status and those of its runs. */
export function drainOf({ metadata: { name }, status = {} }: Pipeline, runs: readonly PipelineRun[]): Drained {
  const own = runs.filter(({ spec }) => spec.pipelineRef.name === name);
  // Where nobody works, what stands in the files is what was so when somebody did.
  const isAttended = !(status.conditions ?? []).some(({ reason }) => reason === 'Unattended');
  const underWay = isAttended ? own.filter((run) => !isAtRest(run)).map(underWayOf) : [];
  const stages = (isAttended ? (status.stages ?? []) : []).flatMap(({ name, active = 0 }) =>
    active > 0 ? [{ name, active }] : [],
  );
  return {
    pipeline: name,
    drained: underWay.length === 0 && stages.length === 0,
    resting: unfinishedRuns(own, name)
      .filter((run) => !isAttended || isAtRest(run))
      .map(({ metadata }) => metadata.name),
    ...{ underWay, stages },
  };
}

/** Only a status that is about the run as it stands counts. */
function isAtRest(run: PipelineRun): boolean {
  if (isSettled(run)) return true;
  const { phase, steps, observedGeneration = 0 } = run.status ?? {};
  return phase === 'Paused' && (steps?.running ?? 0) === 0 && observedGeneration >= (run.metadata.generation ?? 0);
}

const underWayOf = ({ metadata, status = {} }: PipelineRun): UnderWay => ({
  ...{ run: metadata.name, phase: status.phase ?? 'Pending', running: status.steps?.running ?? 0 },
  ...(status.steps?.countedAt === undefined ? {} : { countedAt: status.steps.countedAt }),
});

/** `2 steps under way (clean 1, load 1); usajobs-29919600: Running, 2 steps under way`. */
function underWayText({ underWay, stages }: Drained): string {
  const total = stages.reduce((sum, { active }) => sum + active, 0);
  const byStage = stages.map(({ name, active }) => `${name} ${active}`).join(', ');
  const inQueues = total === 0 ? 'the queues say that nothing is under way' : `${steps(total)} (${byStage})`;
  return [inQueues, ...underWay.map(({ run, phase, running }) => `${run}: ${phase}, ${steps(running)}`)].join('; ');
}

const steps = (count: number): string => `${count} ${count === 1 ? 'step' : 'steps'} under way`;

function drainText(place: Place, outcome: Drained): string {
  const { pipeline, drained, resting, underWay } = outcome;
  const again = `let it go on with: ${place.command(`resume ${pipeline}${resting.length === 0 ? '' : ' --runs'}`)}`;
  const rest = resting.length === 0 ? [] : [`at rest: ${resting.join(', ')}`];
  if (drained) return [`${pipeline}: nothing is under way; its schedule rests`, ...rest, again].join('\n');
  const counted = underWay.map(
    ({ run, phase, running, countedAt }) =>
      `  ${run}: ${phase}, ${steps(running)}${countedAt === undefined ? '' : ` at ${countedAt}`}`,
  );
  return [`${pipeline}: the time is up, and ${underWayText({ ...outcome, underWay: [] })}`, ...counted, ...rest].join(
    '\n',
  );
}
