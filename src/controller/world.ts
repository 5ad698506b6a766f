import type { Pipeline, PipelineRun } from '../api/index.ts';
import type { Waves } from '../queue/waves.ts';

/** An object as a resource store keeps it. */
export interface Stored<Kind> {
  readonly object: Kind;
  /** Changes with every write; an update names the version it is based on. */
  readonly version: string;
}

/** All that the reconcilers need from where they run: a machine of one, or a cluster. */
export interface World {
  readonly namespace: string;
  readonly waves: Waves;
  /** Name of this installation among those that may share a lake. */
  readonly installation: string;
  /** Identity of the warehouse that the tables of a pipeline go to. */
  warehouse(pipeline: Pipeline): string;
  pipeline(name: string): Promise<Pipeline | undefined>;
  run(name: string): Promise<PipelineRun | undefined>;
  /** Writes a run's status if it differs from what is stored; a run that changed meanwhile is reconciled again. */
  writeRunStatus(name: string, status: NonNullable<PipelineRun['status']>): Promise<void>;
  now(): Date;
}
