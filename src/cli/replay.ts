import { Option } from 'commander';
import type { PipelineRunSpec } from '../api/index.ts';
import { paramOption } from './options.ts';
import type { Override } from './overrides.ts';
import { pipelineOf } from './places/place.ts';
import { requestOf } from './request.ts';
import { type StartRunOptions, startRun, withRun } from './startRun.ts';
import type { Verb } from './verb.ts';

interface ReplayOptions extends StartRunOptions {
  readonly from: PipelineRunSpec['from'];
  readonly param: readonly Override[];
  readonly dataset?: string[];
  readonly refresh: boolean;
}

/** `jobpulse replay`: cleans, loads or transforms again what is in the lake; no source is asked. */
export const replay: Verb = (program, home) => {
  const command = program
    .command('replay')
    .description('clean, load or transform again what is in the lake; no source is asked')
    .argument('<pipeline>', 'name of a pipeline that was applied')
    .addOption(
      new Option('--from <stage>', 'first stage to do again')
        .choices(['Clean', 'Load', 'Transform'])
        .makeOptionMandatory(),
    )
    .addOption(paramOption())
    .option('--dataset <name...>', 'only these datasets')
    .option('--refresh', 'also what is published by the rules of today', false);
  withRun(command, home).action((name: string, options: ReplayOptions) =>
    startRun(options, async (place) => {
      const pipeline = await pipelineOf(place, name);
      const { from, refresh } = options;
      const spec = { ...requestOf(pipeline, options), from, refresh };
      const wanted = { name: `${name}-replay-${Date.now()}`, pipeline, trigger: 'Replay', spec } as const;
      return { wanted, told: `from ${from} on, out of the lake${refresh ? ', also what is up to date' : ''}` };
    }),
  );
};
