import { ApiObject, type ApiObjectMetadata } from 'cdk8s';
import type { Construct } from 'constructs';
import { apiVersion, checkPipeline, checkRun, type Problem, problemText } from '../src/api/index.ts';
import type { PipelineManifestSpec, PipelineRunManifestSpec } from './imports/jobpulse.dev.ts';

/** What a Pipeline is to do, and what Kubernetes knows it by. */
export interface PipelineProps extends PipelineManifestSpec {
  /** Its name is the id of the construct unless given here: the data in the lake belongs to that name. */
  readonly metadata?: ApiObjectMetadata;
}

/** A Pipeline. Everything the command line would find wrong with it is an error of `app.synth()`, with path and fix. */
export class Pipeline extends ApiObject {
  constructor(scope: Construct, id: string, { metadata, ...spec }: PipelineProps) {
    super(scope, id, { apiVersion, kind: 'Pipeline', metadata: { name: id, ...metadata }, spec });
    this.node.addValidation({ validate: () => problemsOf(checkPipeline(this.toJson())) });
  }
}

export interface PipelineRunProps extends PipelineRunManifestSpec {
  /** Its name is the id of the construct unless given here. */
  readonly metadata?: ApiObjectMetadata;
}

/** A run of a Pipeline: applied once, it is done once. */
export class PipelineRun extends ApiObject {
  constructor(scope: Construct, id: string, { metadata, ...spec }: PipelineRunProps) {
    super(scope, id, { apiVersion, kind: 'PipelineRun', metadata: { name: id, ...metadata }, spec });
    this.node.addValidation({ validate: () => problemsOf(checkRun(this.toJson())) });
  }
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly problems: readonly Problem[] };

const problemsOf = (checked: Outcome): string[] => (checked.ok ? [] : checked.problems.map(problemText));
