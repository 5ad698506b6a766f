import type { Logger } from 'pino';
import type { Limits } from '../connectors/http/limiter.ts';
import type { Store } from '../connectors/stores/store.ts';
import type { Lake } from '../lake/lake.ts';
import type { Manifest, Step, StepResult } from '../run/types.ts';

/** Reads a secret's value at the moment of use; throws a TerminalError that names the missing secret and where to put it. */
export type ReadSecret = (ref: {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}) => string | undefined;

/** All a stage may touch. A stage is a function of its step, its spec and its inputs. */
export interface StageContext<Spec> {
  readonly step: Step;
  readonly spec: Spec;
  /** The manifests named by `step.inputs`, in that order. */
  readonly inputs: readonly Manifest[];
  readonly run: { readonly name: string; readonly asOf: string };
  readonly lake: Lake;
  /** An empty folder of this step's own, made when it is first read; removed when the step ends, however it ends. */
  readonly scratch: string;
  /** Aborts when the lease is lost, the step's time is over or the worker must stop. */
  readonly signal: AbortSignal;
  readonly secret: ReadSecret;
  /** Whether connections to private and loopback addresses are allowed; decided by who starts the process. */
  readonly allowPrivateNetworks: boolean;
  /** How fast sources may be asked, shared with all workers of the namespace. */
  readonly limits: Limits;
  /** The namespace's part of the lake: what its pipelines share. */
  readonly shared: Store;
  /** Folder that relative paths of `files` sources start from. */
  readonly filesRoot: string;
  /** A named crash point; does nothing unless a test asks for a crash there. */
  readonly crashPoint: (name: string) => void;
  /** Tells watchers how far the step is; best effort. */
  readonly progress: (message: string) => void;
  readonly log: Logger;
}

export type Stage<Spec> = (context: StageContext<Spec>) => Promise<StepResult>;
