import type { Pipeline, PipelineRun, PipelineRunSpec } from '../../api/index.ts';
import { nearest } from '../../api/problem.ts';
import { hasEnded } from '../../controller/runs.ts';
import type { AlertBook } from '../../controller/standalone/alertBook.ts';
import type { RunWish } from '../../controller/standalone/submit.ts';
import type { Trigger } from '../../controller/trigger.ts';
import type { Lake } from '../../lake/lake.ts';
import type { RunReport } from '../../run/report.ts';
import { CliError, exitCodes } from '../exit.ts';
import type { Progress } from '../output.ts';
import type { Part } from '../report/parts.ts';

/** Where pipelines live, as the verbs see it: a data directory, or a namespace of a cluster. */
export interface Place {
  /** For messages: `/home/ana/jobpulse`, or `namespace jobs`. */
  readonly name: string;
  /** The command that does something here, for hints: `status usajobs` is `jobpulse status usajobs --namespace jobs`. */
  command(words: string): string;
  /** How a first pipeline gets here. */
  readonly begin: string;
  pipelines(): Promise<readonly Pipeline[]>;
  runs(): Promise<readonly PipelineRun[]>;
  /** What receivers of alerts were told; nothing in a cluster, where Alertmanager tells. */
  alerts(): Promise<AlertBook>;
  /** Lets a pipeline's schedule rest, or go on. */
  pause(pipeline: string, paused: boolean): Promise<void>;
  /** Asks that a run goes on, rests or ends. */
  setState(run: string, state: PipelineRunSpec['state']): Promise<void>;
  /** Has a run begun. Asking again for one of the same name and wish is harmless. */
  start(wanted: WantedRun, options: StartOptions): Promise<Started>;
  /** A pipeline's part of the lake: of the one that is named, else of the one that is known here. */
  lake(pipeline: string, named: string | undefined): Lake | undefined;
  /** Where that is, below the root of the lake. */
  lakeFolder(pipeline: string): string;
  /** What a report holds of this place, beside pipelines and runs. */
  parts(controllerNamespace: string | undefined): Promise<readonly Part[]>;
  /** Hides values of secrets that are known here. */
  mask(): Promise<(text: string) => string>;
  close(): Promise<void>;
}

/** A run that somebody asks for. */
export interface WantedRun {
  readonly name: string;
  readonly pipeline: Pipeline;
  readonly trigger: Trigger;
  readonly spec: RunWish;
}

export interface StartOptions {
  /** Whether to stay until the run has ended. */
  readonly wait: boolean;
  readonly progress: Progress;
}

/** What became of a run that was asked for. */
export type Started =
  /** It goes on without us. */
  | { readonly type: 'begun'; readonly run: string }
  /** It has ended; the report is in the lake of this machine. */
  | { readonly type: 'reported'; readonly report: RunReport }
  /** It has ended; its resource says how. */
  | { readonly type: 'ended'; readonly run: PipelineRun };

/** The pipeline of a name; whoever names none that is there is told which there are. */
export async function pipelineOf(place: Place, name: string): Promise<Pipeline> {
  const all = await place.pipelines();
  const found = all.find(({ metadata }) => metadata.name === name);
  if (found) return found;
  throw notFound('pipeline', name, place, all);
}

/** The runs of a pipeline that have not ended. */
export const unfinishedRuns = (runs: readonly PipelineRun[], pipeline: string): readonly PipelineRun[] =>
  runs.filter((run) => run.spec.pipelineRef.name === pipeline && !hasEnded(run));

/** The run of a name. */
export async function runOf(place: Place, name: string): Promise<PipelineRun> {
  const all = await place.runs();
  const found = all.find(({ metadata }) => metadata.name === name);
  if (found) return found;
  throw notFound('run', name, place, all);
}

/** Names shown at most. */
const shownNames = 20;

function notFound(what: string, name: string, place: Place, all: readonly (Pipeline | PipelineRun)[]): CliError {
  const known = all.map(({ metadata }) => metadata.name);
  const suggestion = nearest(name, known);
  const hint = suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`;
  const more = known.length > shownNames ? `, … (${known.length} in all)` : '';
  const found = known.length === 0 ? 'none' : `${known.slice(0, shownNames).join(', ')}${more}`;
  return new CliError(exitCodes.invalid, `there is no ${what} ${name} in ${place.name}${hint}; found: ${found}`);
}
