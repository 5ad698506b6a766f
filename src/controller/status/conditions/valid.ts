import type { Problem } from '../../../api/index.ts';
import { endedRuns } from '../runs.ts';
import type { Seen } from '../seen.ts';
import { type Judge, no, yes } from './judge.ts';

/** So many problems are told; who mends them sees the next ones. */
const mostProblems = 5;
const longestProblem = 600;

/** Whether the manifest can be worked by, here. */
export const valid: Judge = (seen) => {
  const { problems = [] } = seen;
  if (problems.length > 0) return no('SpecRefused', problemsText(problems));
  const claimed = claimOf(seen);
  return claimed === undefined ? yes('SpecAccepted') : no('LakeClaimed', claimed);
};

function problemsText(problems: readonly Problem[]): string {
  const told = problems.slice(0, mostProblems).map(({ message, fix }) => bounded(`${message}. ${fix}`));
  const more = problems.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}

const bounded = (text: string): string =>
  text.length <= longestProblem ? text : `${text.slice(0, longestProblem - 1)}…`;

/** Workers find out that the lake belongs to another installation; it does until somebody adopts it. */
function claimOf(seen: Seen): string | undefined {
  if (seen.pipeline.metadata.annotations?.['jobpulse.dev/adopt'] === 'true') return undefined;
  const [newest] = endedRuns(seen);
  const failures = [...(newest?.status?.failures ?? []), ...(newest?.status?.conditions ?? [])];
  return failures.find(({ reason }) => reason === 'LakeClaimed')?.message;
}
