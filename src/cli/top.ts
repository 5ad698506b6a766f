import { setTimeout as sleep } from 'node:timers/promises';
import { InvalidArgumentError } from 'commander';
import { outputOption } from './options.ts';
import { type Output, print } from './output.ts';
import { inPlace, type PlaceOptions, withPlace } from './places/open.ts';
import { type Place, pipelineOf } from './places/place.ts';
import { type TopLine, topLines, topText } from './topLines.ts';
import type { Verb } from './verb.ts';

interface TopOptions extends PlaceOptions {
  readonly watch?: number | true;
  readonly output: string;
}

/** `jobpulse top`: what the workers of all pipelines have before them, the busiest first. */
export const top: Verb = (program, home) => {
  const command = program
    .command('top')
    .description('show what workers have before them and how fast they are, the busiest first')
    .argument('[pipeline]', 'only this pipeline')
    .option('-w, --watch [seconds]', 'show it again every so many seconds (default: 2), until Ctrl-C', seconds);
  withPlace(command, home)
    .addOption(outputOption())
    .addHelpText('after', helpOnColumns)
    .action((pipeline: string | undefined, options: TopOptions) =>
      inPlace(options, (place, signal) => show(place, pipeline, { ...options, signal }), 'it is not shown again'),
    );
};

const helpOnColumns = `
S/STEP is a moving average; STEPS/MIN what the steps under way come to at that speed; ROWS/MIN what the newest run read.`;

function seconds(text: string): number {
  const number = Number(text);
  if (number >= 1 && number <= 3600) return number;
  throw new InvalidArgumentError('write seconds, from 1 to 3600');
}

const usualSeconds = 2;

async function show(
  place: Place,
  only: string | undefined,
  { watch, output, signal }: TopOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const every = (watch === undefined || watch === true ? usualSeconds : watch) * 1000;
  do {
    const pipelines = only === undefined ? await place.pipelines() : [await pipelineOf(place, only)];
    const lines = topLines(pipelines, await place.runs());
    if (watch === undefined || output === 'json') print(lines, output, (all) => topText(all));
    else process.stdout.write(screen(lines, process.stdout));
    if (watch !== undefined) await sleep(every, undefined, { signal }).catch(() => undefined);
  } while (watch !== undefined && !signal.aborted);
}

/** On a terminal as many lines as it has, in place of those before; elsewhere all of them, with an empty line below. */
function screen(lines: readonly TopLine[], out: Output & { readonly rows?: number }): string {
  if (!out.isTTY) return `${topText(lines)}\n\n`;
  // Two lines stand above the first, and the cursor below the last.
  return `\x1b[H\x1b[J${topText(lines, Math.max(1, (out.rows ?? 24) - 3))}\n`;
}
