import { z } from 'zod';
import { partitionBy } from './clean.ts';
import { columnNames, whole } from './words.ts';

const defaults = {
  mode: 'Merge',
  onMissing: 'Ignore',
  maxMissingPercent: 20,
  ignoreChanges: [] as string[],
  partitionBy: [] as { column: string; unit?: 'Hour' | 'Day' | 'Month' | 'Year' }[],
} as const;

export const load = z
  .strictObject({
    mode: z
      .enum(['Append', 'Replace', 'Merge', 'SCD2'])
      .default(defaults.mode)
      .describe(
        'Append adds slices, Replace keeps the newest slice, Merge keeps a row per key, SCD2 keeps its history.',
      ),
    onMissing: z
      .enum(['Ignore', 'Mark', 'Delete'])
      .default(defaults.onMissing)
      .describe('What becomes of rows that a complete snapshot no longer holds. Mark sets _removed_at.'),
    maxMissingPercent: whole(0, 100)
      .default(defaults.maxMissingPercent)
      .describe('When more than this vanish at once, nothing is marked or deleted: the snapshot shrank.'),
    ignoreChanges: columnNames()
      .default(defaults.ignoreChanges)
      .describe('Columns whose change alone does not make a row modified.'),
    partitionBy: partitionBy.default(defaults.partitionBy).describe('How the warehouse cuts the table.'),
  })
  .default(defaults)
  .describe('How rows become a table.');
export type Load = z.output<typeof load>;
