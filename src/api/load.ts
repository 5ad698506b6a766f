import { z } from 'zod';
import { partitionBy } from './clean.ts';
import { withRules } from './rules.ts';
import { whole } from './units.ts';
import { columnRef, columnRefs } from './words.ts';

export const load = withRules(
  z
    .strictObject({
      mode: z
        .enum(['Append', 'Replace', 'Merge', 'SCD2'])
        .default('Merge')
        .describe(
          'Append adds slices, Replace keeps the newest whole snapshot, Merge keeps a row per key, SCD2 keeps its history.',
        ),
      onMissing: z
        .enum(['Ignore', 'Mark', 'Delete'])
        .default('Ignore')
        .describe('What becomes of rows that a complete snapshot no longer holds. Mark sets _removed_at.'),
      maxMissingPercent: whole(0, 100)
        .default(20)
        .describe('When more than this vanish at once, nothing is marked or deleted: the snapshot shrank.'),
      tombstone: columnRef
        .exactOptional()
        .describe('Boolean column that is true when a record tells that its row is gone: the row gets _removed_at.'),
      ignoreChanges: columnRefs().default([]).describe('Columns whose change alone does not make a row modified.'),
      partitionBy: partitionBy.default([]).describe('How the warehouse cuts the table.'),
    })
    .describe('How rows become a table.'),
  {
    holds: ({ mode, onMissing }) => mode !== 'SCD2' || onMissing !== 'Delete',
    cel: "self.mode != 'SCD2' || self.onMissing != 'Delete'",
    message: 'mode SCD2 keeps history, so it deletes nothing',
    fix: 'Write onMissing: Mark, which ends the validity of what is missing.',
  },
  {
    holds: ({ mode, tombstone }) => mode === 'Merge' || tombstone === undefined,
    cel: "self.mode == 'Merge' || !has(self.tombstone)",
    message: 'tombstone needs mode Merge',
    fix: 'Write mode: Merge, or leave tombstone out.',
  },
  {
    holds: ({ mode, onMissing }) => onMissing === 'Ignore' || mode === 'Merge' || mode === 'SCD2',
    cel: "self.onMissing == 'Ignore' || self.mode in ['Merge', 'SCD2']",
    message: 'onMissing Mark and Delete need mode Merge or SCD2: other modes do not know rows by their key',
    fix: 'Write mode: Merge, or leave onMissing out.',
  },
).prefault({});
export type Load = z.output<typeof load>;
