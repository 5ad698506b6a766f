import { z } from 'zod';
import { condition } from './conditions.ts';
import { resource } from './resource.ts';
import { unchanging, withRules } from './rules.ts';
import { count, duration, instant, whole } from './units.ts';
import { datasetRef, named, text, texts, uniqueBy } from './words.ts';

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
    fix: 'Swap or mend them.',
  },
);

const runSpecShape = z.strictObject({
  pipelineRef: z.strictObject({ name: text(40).describe('Name of the pipeline.') }).describe('The pipeline to run.'),
  datasets: z.array(datasetRef).max(50).default([]).describe('Datasets to run. Default: all.'),
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
/** What a run is asked may not change while it is at work; how it goes about it may. */
const mutable: readonly string[] = ['state', 'priority', 'maxSharePercent'];

export const pipelineRunSpec = withRules(
  runSpecShape,
  unchanging<z.output<typeof runSpecShape>>(
    ...Object.keys(runSpecShape.shape).filter((name) => !mutable.includes(name)),
  ),
);
export type PipelineRunSpec = z.output<typeof pipelineRunSpec>;

const datasetResult = z.strictObject({
  name: datasetRef.describe('Name of the dataset.'),
  covered: texts(1000, 64).default([]).describe('Periods that are published, as `start/end`.'),
  unavailable: texts(1000, 64).default([]).describe('Periods that the source cannot be asked about.'),
  slicesMissing: count().exactOptional().describe('Slices that have ended and are left to the next run.'),
  deferred: count().exactOptional().describe('Items left to the next run, because credits do not cover them.'),
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

const failure = z.strictObject({
  dataset: text(63).describe('Dataset or model.'),
  stage: z.enum(['Extract', 'Clean', 'Load', 'Transform', 'Compact', 'Sweep', 'Plan']).describe('Stage of the step.'),
  key: text(128).describe('Key of the step.'),
  reason: text(64).describe('A word from the list of reasons.'),
  message: text(1024).describe('Where, what was found and how to fix it.'),
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
      countedAt: instant.exactOptional().describe('When they were counted.'),
    })
    .exactOptional()
    .describe('How far it is.'),
  datasets: named(datasetResult, 50).exactOptional().describe('What came of each dataset.'),
  failures: z.array(failure).max(100).exactOptional().describe('Steps that failed for good.'),
  reportURI: text(1024).exactOptional().describe('Where the whole report is.'),
  conditions: uniqueBy(condition, 16, 'type').exactOptional().describe('Observations.'),
});
export type PipelineRunStatus = z.output<typeof pipelineRunStatus>;

export const pipelineRun = resource('PipelineRun', 63, pipelineRunSpec, pipelineRunStatus);
/** A PipelineRun with all defaults in place. */
export type PipelineRun = z.output<typeof pipelineRun>;
