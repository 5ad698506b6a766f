import { namespace } from '../controller/standalone/namespace.ts';
import { pauseHere } from '../controller/standalone/pause.ts';
import { openResources } from '../controller/standalone/resources.ts';
import { CliError, exitCodes } from './exit.ts';
import { onInterrupt } from './interrupt.ts';
import { dataDirOption } from './options.ts';
import type { Verb } from './verb.ts';

/** `jobpulse pause`: lets a schedule rest, whatever the manifest says, until `jobpulse resume`. */
export const pause: Verb = (program) => {
  program
    .command('pause')
    .description("let a pipeline's schedule rest; it can still be run by hand")
    .argument('<pipeline>', 'name of a pipeline that was applied here')
    .addOption(dataDirOption())
    .action((pipeline: string, { dataDir }: { readonly dataDir: string }) => change(dataDir, pipeline, true));
};

/** `jobpulse resume`: lets a paused schedule go on. */
export const resume: Verb = (program) => {
  program
    .command('resume')
    .description('let a paused schedule go on; what it missed meanwhile is not made up for')
    .argument('<pipeline>', 'name of a paused pipeline')
    .addOption(dataDirOption())
    .action((pipeline: string, { dataDir }: { readonly dataDir: string }) => change(dataDir, pipeline, false));
};

async function change(dataDir: string, pipeline: string, paused: boolean): Promise<void> {
  const known = (await openResources(dataDir, namespace).pipelines.list()).map(({ metadata }) => metadata.name);
  if (!known.includes(pipeline)) {
    const found = known.length === 0 ? 'none' : known.join(', ');
    throw new CliError(exitCodes.invalid, `there is no pipeline ${pipeline} in ${dataDir}; found: ${found}`);
  }
  await pauseHere(dataDir, { pipeline, paused }, onInterrupt());
  process.stdout.write(`${pipeline}: ${paused ? 'paused' : 'resumed'}\n`);
}
