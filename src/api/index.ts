/** The two kinds of `jobpulse.dev/v1alpha1`: their schemas, types with defaults applied, and validation. */
export type { Check, Clean } from './clean.ts';
export type { Column } from './column.ts';
export type { Condition } from './conditions.ts';
export type { CrawlExtract } from './crawl.ts';
export type { Extract, Limits, Retry } from './extract.ts';
export type { FilesExtract } from './files.ts';
export type { Format } from './format.ts';
export type { Load } from './load.ts';
export { type Dataset, type Pipeline, type PipelineSpec, pipeline } from './pipeline.ts';
export type { PipelineStatus } from './pipelineStatus.ts';
export { apiVersion } from './resource.ts';
export type { RestExtract } from './rest.ts';
export { type PipelineRun, type PipelineRunSpec, type PipelineRunStatus, pipelineRun } from './run.ts';
export type { Param } from './side.ts';
export type { StreamExtract } from './stream.ts';
export type { Model, ModelCheck, Transform } from './transform.ts';
export { parseBytes, parseDuration } from './units.ts';
export type { SecretKeyRef } from './words.ts';
