import type { PipelineRun } from '../api/index.ts';
import { exitCode, type RunReport } from '../run/report.ts';
import { exitCodes, unreachableReasons } from './exit.ts';
import { print } from './output.ts';
import { reportText } from './reportText.ts';

/** Prints a run's report; returns the exit code that it stands for. */
export function tellReport(report: RunReport, output: string): number {
  print(report, output, (it) => reportText(it).join('\n'));
  const unreachable = report.why.some(({ reason }) => unreachableReasons.has(reason));
  return report.status !== 'Succeeded' && unreachable ? exitCodes.unreachable : exitCode(report);
}

/** Prints how a run ended whose report is out of reach; returns the exit code that it stands for. */
export function tellEnded(run: PipelineRun, output: string): number {
  print(run, output, (it) => endedText(it).join('\n'));
  const { phase, failures = [], conditions = [] } = run.status ?? {};
  const isWrong = conditions.some(({ type, status }) => type === 'Conserved' && status === 'False');
  if (phase === 'Succeeded' && !isWrong) return exitCodes.done;
  return failures.some(({ reason }) => unreachableReasons.has(reason)) ? exitCodes.unreachable : exitCodes.failed;
}

/** A line per dataset, per failed step, and one for the end. */
export function endedText({ metadata, spec, status }: PipelineRun): string[] {
  const pipeline = spec.pipelineRef.name;
  const { phase = 'Pending', datasets = [], failures = [], conditions = [] } = status ?? {};
  const end = conditions.find(({ type }) => type === 'Succeeded')?.message ?? '';
  return [
    ...datasets.map(
      ({ name, read = 0, rejected = 0, added = 0, modified = 0 }) =>
        `${pipeline}/${name}: read ${read}, rejected ${rejected}, added ${added}, modified ${modified}`,
    ),
    ...failures.map(
      ({ dataset, stage, reason, message }) => `${pipeline}/${dataset}: ${stage.toLowerCase()}: ${reason}: ${message}`,
    ),
    `${metadata.name}: ${phase}${end === '' ? '' : `: ${end}`}`,
  ];
}
