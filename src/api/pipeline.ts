import { z } from 'zod';
import { clean } from './clean.ts';
import { extract } from './extract.ts';
import { format } from './format.ts';
import { load } from './load.ts';
import { pipelineStatus } from './pipelineStatus.ts';
import { resource } from './resource.ts';
import { withRules } from './rules.ts';
import { alerts, lake, live, params, privacy, queue, retention, taxonomies, warehouse } from './side.ts';
import { transform } from './transform.ts';
import { duration, whole } from './units.ts';
import { columnRef, columnRefs, dnsLabel, named, tableName, text } from './words.ts';
import { workers } from './workers.ts';

const dataset = withRules(
  z.strictObject({
    name: tableName.describe('Name of the dataset and of its table.'),
    aliases: z.array(tableName).max(16).default([]).describe('Other names people know it by.'),
    description: text().exactOptional().describe('What a row is; becomes the comment of the table.'),
    key: columnRefs(16).min(1).describe('Columns that identify a row: dedupe, merge and live counts use them.'),
    version: columnRef
      .exactOptional()
      .describe('Column that orders the versions of a row. Default: when the source was asked.'),
    extract: extract,
    format: format,
    clean: clean.describe('How records become typed rows.'),
    load: load,
  }),
  {
    holds: ({ extract, load }) => load.onMissing === 'Ignore' || (!extract.window && !extract.stream),
    cel: "self.load.onMissing == 'Ignore' || (!has(self.extract.window) && !has(self.extract.stream))",
    message: 'onMissing is about snapshots: a window or a stream never holds all rows',
    fix: 'Leave onMissing out.',
  },
  {
    holds: ({ extract, load }) => load.mode !== 'Replace' || (!extract.window && !extract.stream),
    cel: "self.load.mode != 'Replace' || (!has(self.extract.window) && !has(self.extract.stream))",
    message: 'mode Replace is about snapshots: a window or a stream never holds all rows',
    fix: 'Write mode: Merge.',
  },
);
export type Dataset = z.output<typeof dataset>;

export const pipelineSpec = z.strictObject({
  description: text().exactOptional().describe('What the pipeline is for.'),
  params: params.default([]).describe('Values that extract can use and a run can override.'),
  schedule: text(128).exactOptional().describe('When to run: five cron fields or @hourly, @daily, … Default: never.'),
  timeZone: text(64).default('UTC').describe('IANA time zone of the schedule, of slices and of transfer dates.'),
  suspend: z.boolean().default(false).describe('Whether the schedule rests.'),
  missedRunPolicy: z
    .enum(['None', 'Last', 'All'])
    .default('Last')
    .describe('Which missed ticks are made up for after a pause of the controller.'),
  concurrencyPolicy: z
    .enum(['Allow', 'Forbid', 'Replace'])
    .default('Forbid')
    .describe('What a tick does while a run is going on.'),
  after: z
    .array(dnsLabel(40))
    .max(16)
    .default([])
    .describe('Pipelines of the same namespace: when all of them have a new successful run, this one runs.'),
  successfulRunsHistoryLimit: whole(0, 100)
    .default(3)
    .describe('How many runs of the schedule or of `after` that succeeded stay. The newest always does.'),
  failedRunsHistoryLimit: whole(0, 100)
    .default(1)
    .describe('How many runs of the schedule or of `after` that did not succeed stay. The newest always does.'),
  freshness: duration.exactOptional().describe('How old the newest data may be.'),
  datasets: named(dataset, 50).describe('What is extracted, cleaned and loaded; each on its own.'),
  transform: transform.exactOptional().describe('What is made from the datasets.'),
  taxonomies: taxonomies.default([]).describe('Vocabularies for SQL functions, versioned with the data.'),
  live: live.exactOptional().describe('Counters that follow a stream at once.'),
  privacy: privacy.exactOptional().describe('How personal data is protected.'),
  retention: retention.prefault({}).describe('How long things are kept.'),
  workers: workers.exactOptional().describe('How many workers do it, with what.'),
  alerts: alerts.default([]).describe('Who is told when something goes wrong.'),
  lake: lake.exactOptional(),
  warehouse: warehouse.exactOptional(),
  queue: queue.exactOptional().describe("The queue's server. Default: the installation's."),
});
export type PipelineSpec = z.output<typeof pipelineSpec>;

export const pipeline = resource('Pipeline', 40, pipelineSpec, pipelineStatus);
/** A Pipeline with all defaults in place. */
export type Pipeline = z.output<typeof pipeline>;
