import type { Command } from 'commander';
import { tellEnded, tellReport } from './ending.ts';
import { outputOption } from './options.ts';
import { print, progress, silent } from './output.ts';
import { inPlace, type PlaceOptions, withPlace, withRunSettings } from './places/open.ts';
import type { Place, WantedRun } from './places/place.ts';
import type { Home } from './verb.ts';

/** Options of every verb that starts a run. */
export interface StartRunOptions extends PlaceOptions {
  readonly wait: boolean;
  readonly output: 'text' | 'json';
}

/** Adds them to a verb. */
export const withRun = (command: Command, home: Home): Command =>
  withRunSettings(withPlace(command, home), home)
    .option('--wait', 'stay until the run has ended, with the exit code of `run`', false)
    .addOption(outputOption());

/** A run, and what to tell about it before it begins. */
export interface Prepared {
  readonly wanted: WantedRun;
  readonly told: string;
}

/** Has a run begun; sets the exit code to what came of it. */
export const startRun = (options: StartRunOptions, prepare: (place: Place) => Promise<Prepared>): Promise<void> =>
  inPlace(options, async (place) => {
    const { wanted, told } = await prepare(place);
    const shown = options.output === 'json' ? silent : progress();
    shown.line(`${wanted.name}: ${told}`);
    const started = await place.start(wanted, { wait: options.wait, progress: shown }).finally(shown.end);
    if (started.type === 'reported') process.exitCode = tellReport(started.report, options.output);
    if (started.type === 'ended') process.exitCode = tellEnded(started.run, options.output);
    if (started.type === 'begun') {
      const { name } = wanted.pipeline.metadata;
      print({ run: started.run, pipeline: name }, options.output, ({ run }) =>
        [`${run}: begun`, `watch it with: ${place.command(`status ${name}`)}`].join('\n'),
      );
    }
  });
