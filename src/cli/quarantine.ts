import { Option } from 'commander';
import { lakeOf } from '../controller/standalone/lake.ts';
import { dataDirOption, outputOption } from './options.ts';
import { print, table } from './output.ts';
import { exportQuarantine, listQuarantine, type QuarantineExport, quarantineFormats } from './quarantineRows.ts';
import type { Verb } from './verb.ts';

interface ListOptions {
  readonly dataDir: string;
  readonly dataset?: string;
  readonly reason?: string;
  readonly values: boolean;
  readonly output: string;
}

/** `jobpulse quarantine`: the rows that were rejected, why, and where they came from. */
export const quarantine: Verb = (program) => {
  const verb = program.command('quarantine').description('look at rejected rows, or export them to be fixed');
  verb
    .command('ls')
    .description('count the rejected rows of each dataset by the rule they broke')
    .argument('<pipeline>', 'name of the pipeline')
    .option('--dataset <name>', 'only this dataset')
    .option('--reason <rule[:column]>', 'only this rule')
    .option('--values', 'also show a value that was found (it may be personal data)', false)
    .addOption(dataDirOption())
    .addOption(outputOption())
    .action(async (pipeline: string, { dataDir, output, ...filter }: ListOptions) => {
      const groups = await listQuarantine(lakeOf(dataDir, pipeline), filter);
      const heads = ['DATASET', 'REASON', 'ROWS', 'AS OF', 'NEWEST FROM', ...(filter.values ? ['FOUND'] : [])];
      const cells = groups.map((group) => [
        ...[group.dataset, group.reason, group.rows, group.asOf, group.source],
        ...(group.found === undefined ? [] : [group.found]),
      ]);
      print(groups, output, () => (groups.length === 0 ? `no rejected rows of ${pipeline}` : table(heads, cells)));
    });
  verb
    .command('export')
    .description("write the rejected rows of a dataset's newest slice to a file, as they were read, with the reasons")
    .argument('<pipeline>', 'name of the pipeline')
    .argument('<dataset>', 'name of the dataset')
    .argument('<file>', 'file to write')
    .addOption(new Option('--format <format>', 'format of the file').choices(quarantineFormats).default('csv'))
    .addOption(dataDirOption())
    .action(
      async (
        pipeline: string,
        dataset: string,
        out: string,
        options: Pick<QuarantineExport, 'format'> & { readonly dataDir: string },
      ) => {
        const rows = await exportQuarantine(lakeOf(options.dataDir, pipeline), {
          dataset,
          format: options.format,
          out,
        });
        process.stdout.write(rows === 0 ? `no rejected rows of ${pipeline}/${dataset}\n` : `${rows} rows in ${out}\n`);
      },
    );
};
