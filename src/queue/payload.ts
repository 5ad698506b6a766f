import type { RunRequest } from '../run/plan.ts';
import type { RunReport } from '../run/report.ts';
import type { Failure, Step } from '../run/types.ts';

/** Raised when a payload changes its shape; a worker that does not know it puts the job back. */
export const payloadVersion = 1;

/** A step as a queue carries it. */
export interface QueuedStep {
  readonly step: Step;
  /** A long list of inputs is stored in the lake like a spec: this is its digest, and `step.inputs` is empty. */
  readonly inputsAt?: string;
}

/** What a step's job carries: references, at most 8 KiB. */
export interface StepPayload extends QueuedStep {
  readonly v: typeof payloadVersion;
  readonly run: string;
  readonly asOf: string;
  /** ISO time after which the step fails instead of being tried again. */
  readonly notAfter: string;
}

/** What a plan job carries; the only payload that holds the spec. */
export interface PlanPayload {
  readonly v: typeof payloadVersion;
  readonly run: RunRequest;
  readonly params: readonly { readonly name: string; readonly value: string }[];
  /** The Pipeline as it was when this plan was queued: a change shows from the next wave on. */
  readonly pipeline: object;
  /** Who may write this part of the lake: a cluster, or a data directory. */
  readonly installation: string;
  /** Identity of the warehouse that tables go to. */
  readonly warehouse: string;
  /** What has failed for good in the waves before. */
  readonly failures: readonly Failure[];
  readonly startedAt: string;
  readonly notAfter: string;
}

/** What a plan job returns: the next wave, or the end of the run. */
export interface PlanResult {
  readonly steps: readonly QueuedStep[];
  /** What failed for good in the wave before this plan. */
  readonly failures: readonly Failure[];
  /** Present when nothing is left to do. */
  readonly report?: RunReport;
}
