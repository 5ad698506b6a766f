import { z } from 'zod';
import { column } from './column.ts';
import { exactlyOne, needs, ordered, withRules } from './rules.ts';
import { whole } from './units.ts';
import { columnRef, columnRefs, dnsLabel, language, named, text, texts, uniqueBy } from './words.ts';

/** A number of rows, from and to. */
export const rowCount = withRules(
  z
    .strictObject({
      min: whole(0, 1_000_000_000_000).exactOptional().describe('The least number.'),
      max: whole(0, 1_000_000_000_000).exactOptional().describe('The greatest number.'),
    })
    .describe('How many rows there must be.'),
  ordered('min', 'max'),
);

/** How a table's files are cut. */
export const partitionBy = uniqueBy(
  z.strictObject({
    column: columnRef.describe('Column to cut by.'),
    unit: z.enum(['Hour', 'Day', 'Month', 'Year']).exactOptional().describe('For dates and timestamps: the period.'),
  }),
  4,
  'column',
);

const check = withRules(
  z.strictObject({
    name: dnsLabel().describe('Name of the check.'),
    sql: text(4096)
      .exactOptional()
      .describe('A SQL condition over the columns that every row should meet; null passes.'),
    rowCount: rowCount.exactOptional(),
    severity: z
      .enum(['Warn', 'Reject', 'Fail'])
      .describe('Warn tells, Reject sends the rows to quarantine, Fail stops the step.'),
    maxFailPercent: whole(0, 100).exactOptional().describe('Percent of rows that may fail before anything is said.'),
  }),
  exactlyOne('sql', 'rowCount'),
  needs('maxFailPercent', 'sql'),
  {
    holds: (value) => value.rowCount === undefined || value.severity !== 'Reject',
    cel: "!has(self.rowCount) || self.severity != 'Reject'",
    message: 'rowCount is about all rows: severity must be Warn or Fail',
    fix: 'Write Warn or Fail.',
  },
);
export type Check = z.output<typeof check>;

export const clean = z.strictObject({
  columns: named(column, 300).min(1).describe('The columns of the table, in order: the contract of the dataset.'),
  contract: z
    .enum(['Evolve', 'Freeze', 'DiscardRow', 'DiscardValue'])
    .default('Evolve')
    .describe('What a new, lost or retyped column of the source does.'),
  nulls: texts(64).default(['']).describe('Texts that mean null, compared trimmed, without case and accents.'),
  where: text(4096).exactOptional().describe('A SQL condition; other rows are counted as filtered.'),
  dedupe: z
    .enum(['Latest', 'First', 'Fail'])
    .default('Latest')
    .describe('Which of several rows with the same key stays, within one slice.'),
  checks: named(check, 100).default([]).describe('Conditions on the cleaned rows.'),
  partitionBy: partitionBy.default([]).describe('How the lake’s files are cut.'),
  onChange: z
    .enum(['Rebuild', 'Forward'])
    .default('Rebuild')
    .describe('What a changed rule does: clean everything again from raw, or only what comes.'),
  quarantine: z
    .strictObject({
      language: language.default('en').describe('Language of the comments.'),
      groupBy: columnRefs(8).default([]).describe('One file for each value of these columns.'),
    })
    .exactOptional()
    .describe('How rejected rows are handed to those who can mend them.'),
});
export type Clean = z.output<typeof clean>;
