import type { DatasetReport, Why } from './report.ts';

/** What a run about periods could not do, or left to the next. */
export const missingPeriods = (datasets: readonly DatasetReport[]): Why[] =>
  datasets.flatMap(({ name: dataset, unavailable = [], slicesMissing = 0 }) => [
    ...(unavailable.length === 0
      ? []
      : [{ dataset, reason: 'Unavailable', message: `the source cannot be asked about ${shortList(unavailable)}` }]),
    ...(slicesMissing === 0 ? [] : [{ dataset, reason: 'SlicesMissing', message: leftToNext(slicesMissing) }]),
  ]);

/** What was not asked for, because it could not be paid or was too much for one run. */
export const spentBudgets = (datasets: readonly DatasetReport[]): Why[] =>
  datasets
    .filter(({ deferred }) => deferred > 0)
    .map(({ name: dataset, deferred, credits }) => ({
      dataset,
      reason: 'BudgetSpent',
      message: `${deferred} items are left to the next run: the credits do not cover them; this run spent ${credits}`,
    }));

const leftToNext = (slices: number): string =>
  `${slices} slices are left to the next run (extract.window.maxSlicesPerRun)`;

const shortList = (texts: readonly string[]): string =>
  texts.length <= 3 ? texts.join(', ') : `${texts.slice(0, 3).join(', ')} and ${texts.length - 3} more periods`;
