import { Argument } from 'commander';
import { poolNames } from '../queue/names.ts';
import { explain } from './explain.ts';
import { explainAlerts } from './explainAlerts.ts';
import { outputOption } from './options.ts';
import { print } from './output.ts';
import { inPlace, type PlaceOptions, withPlace } from './places/open.ts';
import { pipelineOf } from './places/place.ts';
import type { Verb } from './verb.ts';

/** `jobpulse why`: says in sentences why a pipeline has as many workers as it has, and what is not as it should be. */
export const why: Verb = (program, home) => {
  const command = program
    .command('why')
    .description('say why a pipeline has as many workers as it has, and what is not as it should be')
    .argument('<pipeline>', 'name of a pipeline that was applied')
    .addArgument(new Argument('[pool]', 'only this pool of workers').choices([...poolNames]));
  withPlace(command, home)
    .addOption(outputOption())
    .action((name: string, pool: string | undefined, options: PlaceOptions & { readonly output: string }) =>
      inPlace(options, async (place) => {
        const pipeline = await pipelineOf(place, name);
        const runs = (await place.runs()).filter(({ spec }) => spec.pipelineRef.name === name);
        const alerts = pool === undefined ? explainAlerts(await place.alerts(), name) : [];
        const explained = [...explain({ pipeline, runs, command: place.command }, pool), ...alerts];
        print(explained, options.output, (paragraphs) => paragraphs.map(({ lines }) => lines.join('\n')).join('\n\n'));
      }),
    );
};
