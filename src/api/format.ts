import { z } from 'zod';
import { exactlyOne, withRules } from './rules.ts';
import { whole } from './units.ts';
import { text } from './words.ts';

const csv = z.strictObject({
  delimiter: z.string().min(1).max(4).default(',').describe('What separates two values.'),
  header: z.boolean().default(true).describe('Whether the first line names the columns; else they are column0, …'),
  quote: z.string().max(1).default('"').describe('What encloses a value that holds a delimiter. Empty: nothing does.'),
  encoding: z.enum(['utf-8', 'utf-16', 'latin-1']).default('utf-8').describe('How the bytes are to be read.'),
  skip: whole(0, 1_000_000).default(0).describe('Lines to leave out at the start.'),
});

const excel = z.strictObject({
  sheet: text(128).describe('Name of the sheet, as a glob.'),
  header: z
    .union([z.literal('Auto'), whole(1, 1_048_576)])
    .default('Auto')
    .meta({ 'x-kubernetes-int-or-string': true, pattern: '^Auto$' })
    .describe('Auto, or the number of the row that holds the headers.'),
  hiddenRows: z.enum(['Keep', 'Skip']).default('Keep').describe('What to do with hidden rows.'),
});

export const format = withRules(
  z
    .strictObject({
      json: z
        .strictObject({ records: text().describe('JSONPath of the records in one body.') })
        .exactOptional()
        .describe('JSON bodies.'),
      jsonl: z.strictObject({}).exactOptional().describe('One JSON value in each line.'),
      csv: csv.exactOptional().describe('Separated values.'),
      excel: excel.exactOptional().describe('A sheet of a workbook.'),
      parquet: z.strictObject({}).exactOptional().describe('Parquet files.'),
      html: z
        .strictObject({ pages: z.enum(['Item', 'List']).default('Item').describe('Which pages hold a record.') })
        .exactOptional()
        .describe('One record in each page.'),
    })
    .describe('How bytes become records. One of json, jsonl, csv, excel, parquet, html.'),
  exactlyOne('json', 'jsonl', 'csv', 'excel', 'parquet', 'html'),
);
export type Format = z.output<typeof format>;
