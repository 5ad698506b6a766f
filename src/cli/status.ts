import type { PipelineRun } from '../api/index.ts';
import { namespace } from '../controller/standalone/namespace.ts';
import { openResources } from '../controller/standalone/resources.ts';
import type { Verb } from './index.ts';
import { dataDirOption, outputOption } from './options.ts';
import { print, table } from './output.ts';

interface StatusOptions {
  readonly dataDir: string;
  readonly output: string;
}

/** `jobpulse status`: pipelines of this machine and their newest runs. Reads files only, so it works at any time. */
export const status: Verb = (program) => {
  program
    .command('status')
    .description('show the pipelines of this machine and their newest runs')
    .argument('[pipeline]', 'only this pipeline, with all its runs')
    .addOption(dataDirOption())
    .addOption(outputOption())
    .action(async (pipeline: string | undefined, options: StatusOptions) => {
      const runs = await newestRuns(options.dataDir, pipeline);
      const none = nothing(options.dataDir, pipeline);
      print(runs, options.output, () => (runs.length === 0 ? none : table(heads, runs.map(cells))));
    });
};

const nothing = (dataDir: string, pipeline: string | undefined): string =>
  `no runs${pipeline === undefined ? '' : ` of ${pipeline}`} in ${dataDir}; start one with: jobpulse run <manifest>`;

/** The newest run of each pipeline, or all runs of one, newest first. */
async function newestRuns(dataDir: string, pipeline: string | undefined): Promise<readonly PipelineRun[]> {
  const runs = await openResources(dataDir, namespace).runs.list();
  const newestFirst = runs.toSorted((a, b) => asOf(b).localeCompare(asOf(a)));
  if (pipeline !== undefined) return newestFirst.filter(({ spec }) => spec.pipelineRef.name === pipeline);
  const seen = new Set<string>();
  return newestFirst.filter(({ spec }) => !seen.has(spec.pipelineRef.name) && seen.add(spec.pipelineRef.name));
}

const asOf = (run: PipelineRun): string => run.status?.asOf ?? '';

const heads = ['PIPELINE', 'RUN', 'PHASE', 'STEPS', 'READ', 'REJECTED', 'ADDED', 'MODIFIED', 'AS OF', 'MESSAGE'];

function cells({ metadata, spec, status }: PipelineRun): string[] {
  const sum = (count: 'read' | 'rejected' | 'added' | 'modified') =>
    String((status?.datasets ?? []).reduce((total, dataset) => total + (dataset[count] ?? 0), 0));
  const { total = 0, failed = 0 } = status?.steps ?? {};
  return [
    spec.pipelineRef.name,
    metadata.name,
    status?.phase ?? 'Pending',
    failed > 0 ? `${total} (${failed} failed)` : String(total),
    ...(['read', 'rejected', 'added', 'modified'] as const).map(sum),
    asOf({ metadata, spec, status } as PipelineRun),
    status?.conditions?.find(({ type }) => type === 'Succeeded')?.message ?? '',
  ];
}
