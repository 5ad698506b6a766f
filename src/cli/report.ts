import { resolve } from 'node:path';
import { version } from '../version.ts';
import { exitCodes } from './exit.ts';
import { progress } from './output.ts';
import { inPlace, type PlaceOptions, withPlace } from './places/open.ts';
import type { Place } from './places/place.ts';
import { writeArchive } from './report/archive.ts';
import { commonParts } from './report/common.ts';
import { type Collected, collect } from './report/parts.ts';
import type { Verb } from './verb.ts';

interface ReportOptions extends PlaceOptions {
  readonly file?: string;
  readonly controllerNamespace?: string;
}

/** `jobpulse report`: what somebody who is to help needs to know, as one file without secrets. */
export const report: Verb = (program, home) => {
  const command = program
    .command('report')
    .description('collect what somebody who is to help needs to know into one file, without secrets')
    .option('--file <file>', 'file to write; default: jobpulse-report-<time>.tar.gz in this folder');
  if (home === 'machine') command.option('--secrets-dir <folder>', 'this machine: where secrets are, which are hidden');
  withPlace(command, home)
    .option('--controller-namespace <name>', 'namespace of the controller; default: that of the pipelines')
    .addHelpText('after', helpOnSecrets)
    .action((options: ReportOptions) => inPlace(options, (place) => write(place, options)));
};

const helpOnSecrets = `
Secrets are not asked for. Values of environment variables and headers, passwords in addresses, and what sounds or looks
like a secret are taken out; look through it before you send it on. What you may not read is left out, and it says so.`;

async function write(place: Place, { file, controllerNamespace }: ReportOptions): Promise<void> {
  const shown = progress();
  const name = `jobpulse-report-${new Date().toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}`;
  const target = resolve(file ?? `${name}.tar.gz`);
  shown.update(`looking at ${place.name}`);
  const mask = await place.mask().catch(() => (text: string) => text);
  const found = await collect([...commonParts(place), ...(await place.parts(controllerNamespace))], mask).finally(
    shown.end,
  );
  const summary = { path: 'SUMMARY.txt', text: `${summaryText(place, found)}\n` };
  const bytes = await writeArchive(target, name, [summary, ...found.files]);
  const told = [`${target}: ${found.files.length + 1} files, ${Math.ceil(bytes / 1024)} KiB`, ...leftOutText(found)];
  process.stdout.write(`${told.join('\n')}\n`);
  if (found.leftOut.some(({ what }) => what === 'pipelines')) process.exitCode = exitCodes.unreachable;
}

function summaryText(place: Place, found: Collected): string {
  return [
    `jobpulse ${version} about ${place.name}, at ${new Date().toISOString()}`,
    'Values of environment variables and headers, and what sounds or looks like a secret, are [redacted].',
    ...['', 'In it:', ...found.files.map(({ path, text }) => `  ${path} (${Buffer.byteLength(text)} bytes)`)],
    ...['', ...leftOutText(found)],
  ].join('\n');
}

const leftOutText = ({ leftOut }: Collected): readonly string[] =>
  leftOut.length === 0
    ? ['nothing was left out']
    : ['left out:', ...leftOut.map(({ what, why }) => `  ${what}: ${why}`)];
