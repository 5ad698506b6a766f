import { z } from 'zod';
import { condition } from './conditions.ts';
import { withRules } from './rules.ts';
import { duration, instant, named, sqlName, text, texts, uniqueBy, whole } from './words.ts';

const count = () => whole(0, Number.MAX_SAFE_INTEGER);

const interval = withRules(
  z
    .strictObject({
      start: instant.describe('From here …'),
      end: instant.describe('… to just before here.'),
    })
    .describe('A period, half-open, in UTC.'),
  {
    holds: ({ start, end }) => Date.parse(start) < Date.parse(end),
    cel: 'self.start < self.end',
    message: 'start must be before end',
  },
);

export const pipelineRunSpec = z.strictObject({
  pipelineRef: z.strictObject({ name: text(40).describe('Name of the pipeline.') }).describe('The pipeline to run.'),
  datasets: z.array(sqlName).max(50).default([]).describe('Datasets to run. Default: all.'),
  interval: interval.exactOptional(),
  from: z
    .enum(['Extract', 'Clean', 'Load', 'Transform'])
    .default('Extract')
    .describe('The first stage to do; what is before it is taken as it is.'),
  refresh: z.boolean().default(false).describe('Whether to do again what is already published.'),
  params: named(
    z.strictObject({
      name: text(63).describe('Name of the parameter.'),
      value: z.string().max(1024).describe('Its value, as text.'),
    }),
    64,
  )
    .default([])
    .describe('Values instead of the defaults of the pipeline.'),
  priority: z.enum(['High', 'Normal', 'Low']).default('Normal').describe('Whose steps go first.'),
  maxSharePercent: whole(1, 100).default(100).describe('Share of the slots it may take while other runs wait.'),
  state: z.enum(['Run', 'Pause', 'Cancel']).default('Run').describe('What it is to do.'),
  ttl: duration.default('30d').describe('How long the resource stays after its end.'),
});
export type PipelineRunSpec = z.output<typeof pipelineRunSpec>;

const datasetResult = z.strictObject({
  name: sqlName.describe('Name of the dataset.'),
  covered: texts(1000, 64).default([]).describe('Periods that are published, as `start/end`.'),
  unavailable: texts(1000, 64).default([]).describe('Periods that the source cannot be asked about.'),
  read: count().exactOptional().describe('Records read.'),
  expanded: count().exactOptional().describe('Rows that came out of records beyond the first.'),
  clean: count().exactOptional().describe('Rows that passed.'),
  rejected: count().exactOptional().describe('Rows in quarantine.'),
  filtered: count().exactOptional().describe('Rows that `where` left out.'),
  deduplicated: count().exactOptional().describe('Rows with a key that another row of the slice has.'),
  added: count().exactOptional().describe('Rows new in the table.'),
  modified: count().exactOptional().describe('Rows changed in the table.'),
  unchanged: count().exactOptional().describe('Rows that were there already.'),
  superseded: count().exactOptional().describe('Rows that were older than those there.'),
  marked: count().exactOptional().describe('Rows marked as removed.'),
  deleted: count().exactOptional().describe('Rows deleted.'),
  seconds: z.number().min(0).exactOptional().describe('Time it took.'),
});

export const pipelineRunStatus = z.strictObject({
  observedGeneration: count().exactOptional().describe('Generation of the spec this is about.'),
  phase: z
    .enum(['Pending', 'Running', 'Paused', 'Succeeded', 'Failed', 'Cancelled'])
    .exactOptional()
    .describe('A summary for people; programs read conditions.'),
  asOf: instant.exactOptional().describe('Logical time of the run.'),
  wave: count().exactOptional().describe('How often it has planned.'),
  startTime: instant.exactOptional().describe('When it started.'),
  finishTime: instant.exactOptional().describe('When it ended.'),
  steps: z
    .strictObject({
      total: count().exactOptional().describe('Steps known so far.'),
      done: count().exactOptional().describe('Steps published.'),
      running: count().exactOptional().describe('Steps under way.'),
      failed: count().exactOptional().describe('Steps that failed.'),
    })
    .exactOptional()
    .describe('How far it is.'),
  datasets: named(datasetResult, 50).exactOptional().describe('What came of each dataset.'),
  reportURI: text(1024).exactOptional().describe('Where the whole report is.'),
  conditions: uniqueBy(condition, 16, 'type').exactOptional().describe('Observations.'),
});
export type PipelineRunStatus = z.output<typeof pipelineRunStatus>;

export const pipelineRun = z.strictObject({
  apiVersion: z.literal('jobpulse.dev/v1alpha1'),
  kind: z.literal('PipelineRun'),
  metadata: z.looseObject({
    name: z
      .string()
      .max(63)
      .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/)
      .describe('Name of the run.'),
    namespace: z.string().max(63).exactOptional(),
    generation: z.int().exactOptional(),
    annotations: z.record(z.string(), z.string()).exactOptional(),
    labels: z.record(z.string(), z.string()).exactOptional(),
  }),
  spec: pipelineRunSpec.describe('What is wanted.'),
  status: pipelineRunStatus.exactOptional().describe('What is.'),
});
/** A PipelineRun with all defaults in place. */
export type PipelineRun = z.output<typeof pipelineRun>;
