import { type Command, Option } from 'commander';
import type { Lake } from '../lake/lake.ts';
import { CliError, exitCodes } from './exit.ts';
import { outputOption } from './options.ts';
import { print, table } from './output.ts';
import { inPlace, type PlaceOptions, withPlace } from './places/open.ts';
import { type Place, pipelineOf } from './places/place.ts';
import type { QuarantineExport } from './quarantineRows.ts';
import { type RejectedCount, rejectedCounts } from './rejectedCounts.ts';
import type { Home, Verb } from './verb.ts';

interface QuarantineOptions extends PlaceOptions {
  readonly lake?: string;
}

interface ListOptions extends QuarantineOptions {
  readonly dataset?: string;
  readonly reason?: string;
  readonly values: boolean;
  readonly output: string;
}

/** `jobpulse quarantine`: the rows that were rejected, why, and where they came from. */
export const quarantine: Verb = (program, home) => {
  const verb = program.command('quarantine').description('look at rejected rows, or export them to be fixed');
  const list = verb
    .command('ls')
    .description('count the rejected rows of each dataset by the rule they broke')
    .argument('<pipeline>', 'name of the pipeline')
    .option('--dataset <name>', 'only this dataset')
    .option('--reason <rule[:column]>', 'only this rule')
    .option('--values', 'also show a value that was found (it may be personal data)', false);
  withLake(list, home)
    .addOption(outputOption())
    .action((pipeline: string, options: ListOptions) =>
      inPlace(options, async (place) => {
        const lake = place.lake(pipeline, options.lake);
        return lake === undefined ? listCounts(place, pipeline, options) : listRows(lake, pipeline, options);
      }),
    );
  const rows = verb
    .command('export')
    .description("write the rejected rows of a dataset's newest slice to a file, as they were read, with the reasons")
    .argument('<pipeline>', 'name of the pipeline')
    .argument('<dataset>', 'name of the dataset')
    .argument('<file>', 'file to write')
    .addOption(new Option('--format <format>', 'format of the file').choices(formats).default('csv'));
  withLake(rows, home).action(
    (pipeline: string, dataset: string, out: string, options: QuarantineOptions & Pick<QuarantineExport, 'format'>) =>
      inPlace(options, (place) => exportRows(place, pipeline, { dataset, format: options.format, out }, options.lake)),
  );
};

const formats = ['csv', 'jsonl', 'parquet'] as const satisfies readonly QuarantineExport['format'][];

/** Adds where pipelines are, and where their rows are. */
const withLake = (command: Command, home: Home): Command =>
  withPlace(command, home).option(
    '--lake <place>',
    'where the lake is, or a copy of it: a folder, or s3://bucket/prefix?endpoint=… with credentials in the environment',
  );

async function listRows(lake: Lake, pipeline: string, { output, ...filter }: ListOptions): Promise<void> {
  const { listQuarantine } = await import('./quarantineRows.ts');
  const groups = await listQuarantine(lake, filter);
  const heads = ['DATASET', 'REASON', 'ROWS', 'AS OF', 'NEWEST FROM', ...(filter.values ? ['FOUND'] : [])];
  const cells = groups.map((group) => [
    ...[group.dataset, group.reason, group.rows, group.asOf, group.source],
    ...(group.found === undefined ? [] : [group.found]),
  ]);
  print(groups, output, () => (groups.length === 0 ? `no rejected rows of ${pipeline}` : table(heads, cells)));
}

/** Where the lake is out of reach, what the statuses of runs tell. */
async function listCounts(place: Place, pipeline: string, { output, dataset }: ListOptions): Promise<void> {
  await pipelineOf(place, pipeline);
  const counts = rejectedCounts(await place.runs(), pipeline).filter(
    (each) => dataset === undefined || each.dataset === dataset,
  );
  print(counts, output, () => [countsText(counts, pipeline), outOfReach(place, `ls ${pipeline}`, pipeline)].join('\n'));
}

function countsText(counts: readonly RejectedCount[], pipeline: string): string {
  if (counts.length === 0) return `no run of ${pipeline} has read anything yet`;
  const cells = counts.map(({ dataset, rejected, read, run, asOf }) => [dataset, rejected, read, run, asOf]);
  return table(['DATASET', 'REJECTED', 'READ', 'RUN', 'AS OF'], cells);
}

const outOfReach = (place: Place, words: string, pipeline: string): string =>
  `which rows, and why, is in the lake, which this command has no way to read; name it, or a copy of the folder ` +
  `${place.lakeFolder(pipeline)} below its root: ${place.command(`quarantine ${words}`)} --lake <folder | s3://bucket/prefix>`;

async function exportRows(
  place: Place,
  pipeline: string,
  wanted: QuarantineExport,
  lakePlace: string | undefined,
): Promise<void> {
  const { dataset, out } = wanted;
  const lake = place.lake(pipeline, lakePlace);
  if (lake === undefined) {
    throw new CliError(exitCodes.invalid, outOfReach(place, `export ${pipeline} ${dataset} ${out}`, pipeline));
  }
  const { exportQuarantine } = await import('./quarantineRows.ts');
  const rows = await exportQuarantine(lake, wanted);
  process.stdout.write(rows === 0 ? `no rejected rows of ${pipeline}/${dataset}\n` : `${rows} rows in ${out}\n`);
}
