import { z } from 'zod';
import { condition } from './conditions.ts';
import { count, instant } from './units.ts';
import { datasetRef, named, text, texts, uniqueBy } from './words.ts';

/** Why a pool has the size it has. */
const scaling = z.strictObject({
  reason: text(64).describe('What decided.'),
  limits: texts(16, 64).default([]).describe('What kept it from more or fewer.'),
  want: count().exactOptional().describe('Workers that the load asks for, before any limit.'),
  load: count().exactOptional().describe('Steps that the pool has before it, with those under way.'),
  active: count().exactOptional().describe('Steps of the pool that are under way.'),
  busy: count().exactOptional().describe('Workers that have steps under way.'),
  stepSeconds: z.number().min(0).exactOptional().describe('Seconds that a step takes, as a moving average.'),
  concurrency: count().exactOptional().describe('Steps that one worker does at the same time.'),
  targetSeconds: z.number().min(0).exactOptional().describe('How soon what waits should be done.'),
  min: count().exactOptional().describe('The fewest workers.'),
  max: count().exactOptional().describe('The most workers.'),
});

const stageStatus = z.strictObject({
  name: text(32).describe('Name of the stage.'),
  queue: text(128).exactOptional().describe('Name of its queue.'),
  waiting: count().exactOptional().describe('Steps that wait.'),
  active: count().exactOptional().describe('Steps under way.'),
  failed: count().exactOptional().describe('Steps that failed.'),
  replicas: count().exactOptional().describe('Workers there are.'),
  desired: count().exactOptional().describe('Workers there should be.'),
  scaling: scaling.exactOptional().describe('Why.'),
});

const datasetStatus = z.strictObject({
  name: datasetRef.describe('Name of the dataset.'),
  covered: texts(1000, 64).default([]).describe('Periods that are published, as `start/end`.'),
  asOf: instant.exactOptional().describe('Logical time of the newest snapshot.'),
  slicesMissing: count().exactOptional().describe('Slices that have ended and were left to the next run.'),
  deferred: count().exactOptional().describe('Items left to the next run, because credits do not cover them.'),
  rows: count().exactOptional().describe('Rows of the table.'),
  removed: count().exactOptional().describe('Rows that are marked as removed.'),
});

const lastRun = z.strictObject({
  name: text(253).describe('Name of the run.'),
  phase: text(32).exactOptional().describe('How it went.'),
  finishedAt: instant.exactOptional().describe('When it ended.'),
  added: count().exactOptional().describe('Rows that were added.'),
  modified: count().exactOptional().describe('Rows that were changed.'),
});

export const pipelineStatus = z.strictObject({
  observedGeneration: count().exactOptional().describe('Generation of the spec this is about.'),
  phase: z
    .enum(['Ready', 'Progressing', 'Degraded', 'Suspended', 'Invalid'])
    .exactOptional()
    .describe('A summary for people; programs read conditions.'),
  lastRun: lastRun.exactOptional().describe('The newest run that ended.'),
  lastSuccessTime: instant.exactOptional().describe('When a run that looked at all sources last ended well.'),
  nextRunTime: instant.exactOptional().describe('When the schedule starts the next run.'),
  freshUntil: instant.exactOptional().describe('Until when the data is fresh enough.'),
  backlog: count().exactOptional().describe('Steps that wait or are under way.'),
  rejected: count().exactOptional().describe('Rows that the newest run rejected.'),
  stages: named(stageStatus, 16).exactOptional().describe('The queues and their workers.'),
  datasets: named(datasetStatus, 50).exactOptional().describe('The datasets.'),
  conditions: uniqueBy(condition, 16, 'type').exactOptional().describe('Observations.'),
});
/** How a pipeline is, as its controller saw it last. */
export type PipelineStatus = z.output<typeof pipelineStatus>;
