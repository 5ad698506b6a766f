import type { DatasetReport, Why } from './report.ts';

/** A run rejects too much when more than this share of a dataset's rows went to quarantine … */
const mostPercent = 10;
/** … and at least this many rows: of a handful, one is many percent. */
const fewestRows = 10;

/** Tells of each dataset of which a run rejected so many rows that somebody should look. */
export const rejectRates = (datasets: readonly DatasetReport[]): Why[] =>
  datasets.filter(rejectsTooMuch).map((dataset) => ({
    dataset: dataset.name,
    reason: 'RejectRate',
    message: `${dataset.rejected} of ${cameIn(dataset)} rows were rejected, more than ${mostPercent} %: ${rules(dataset)}`,
  }));

const rejectsTooMuch = (dataset: DatasetReport): boolean =>
  dataset.rejected >= fewestRows && dataset.rejected * 100 > cameIn(dataset) * mostPercent;

const cameIn = ({ read, expanded }: DatasetReport): number => read + expanded;

const shownRules = 3;

/** The rules that rejected most. */
function rules({ rejectedBy }: DatasetReport): string {
  const all = Object.entries(rejectedBy).toSorted(([a, most], [b, more]) => more - most || (a < b ? -1 : 1));
  const shown = all.slice(0, shownRules).map(([rule, rows]) => `${rows} ${rule}`);
  return all.length > shownRules ? `${shown.join(', ')} and ${all.length - shownRules} more rules` : shown.join(', ');
}
