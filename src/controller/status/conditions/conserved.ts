import type { PipelineRun } from '../../../api/index.ts';
import { endedRuns } from '../runs.ts';
import { type Judge, no, unknown, type Verdict, yes } from './judge.ts';

/** Whether the ledgers of all runs that are known add up. */
export const conserved: Judge = (seen) => {
  const verdicts = endedRuns(seen).flatMap((run) => verdictOf(run) ?? []);
  const wrong = verdicts.find(({ status }) => status === 'False');
  if (wrong) return wrong;
  if (verdicts[0]) return verdicts[0];
  const before = seen.pipeline.status?.conditions?.find(({ type }) => type === 'Conserved');
  // The runs may be gone; what they published is not.
  if (before?.status === 'True') return yes('Balanced', before.message);
  if (before?.status === 'False') return no('Unbalanced', before.message);
  return unknown('NothingPublished');
};

/** What a run's own condition says, else what its figures say; nothing when it published nothing. */
function verdictOf(run: PipelineRun): Verdict | undefined {
  const { name } = run.metadata;
  const own = run.status?.conditions?.find(({ type }) => type === 'Conserved');
  if (own?.status === 'False') return no('Unbalanced', `${name}: ${own.message}`.slice(0, 4000));
  const datasets = (run.status?.datasets ?? []).filter(({ read }) => read !== undefined);
  if (datasets.length === 0) return undefined;
  const wrong = datasets.find((figures) => inOf(figures) !== outOf(figures));
  if (wrong) return no('Unbalanced', `${name}: ${wrong.name}: ${inOf(wrong)} came in, ${outOf(wrong)} came out`);
  return yes('Balanced');
}

type Figures = NonNullable<NonNullable<PipelineRun['status']>['datasets']>[number];

const inOf = ({ read = 0, expanded = 0 }: Figures): number => read + expanded;
const outOf = ({ clean = 0, rejected = 0, filtered = 0, deduplicated = 0 }: Figures): number =>
  clean + rejected + filtered + deduplicated;
