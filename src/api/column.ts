import { z } from 'zod';
import { exactlyOne, needs, withRules } from './rules.ts';
import { decimal } from './units.ts';
import { columnName, columnRef, columnRefs, language, matching, text, textMap, texts, vocabularies } from './words.ts';

/** The types a column can have. */
export const columnTypes = [
  'string',
  'integer',
  'bigint',
  'double',
  'decimal(p,s)',
  'boolean',
  'date',
  'timestamp',
  'json',
  'list<string>',
  'list<integer>',
  'list<double>',
] as const;

const columnType = matching(
  /^(string|integer|bigint|double|boolean|date|timestamp|json|list<(string|integer|double)>|decimal\(([1-9]|[12][0-9]|3[0-8]),([0-9]|[12][0-9]|3[0-8])\))$/,
  columnTypes.join(', '),
  32,
);
vocabularies.add(columnType, {
  words: columnTypes,
  synonyms: new Map(
    Object.entries({
      text: 'string',
      varchar: 'string',
      str: 'string',
      int: 'integer',
      int32: 'integer',
      int64: 'bigint',
      long: 'bigint',
      number: 'double',
      float: 'double',
      numeric: 'decimal(p,s)',
      decimal: 'decimal(p,s)',
      bool: 'boolean',
      datetime: 'timestamp',
      object: 'json',
      array: 'list<string>',
      list: 'list<string>',
    }),
  ),
});

const number = z.strictObject({
  decimal: z.string().min(1).max(1).default('.').describe('What separates the fraction.'),
  group: z.string().min(1).max(1).exactOptional().describe('What separates thousands.'),
  percent: z.boolean().default(false).describe('Whether a percent sign may follow the number; it is left out.'),
});

const parse = z.strictObject({
  dates: texts(16, 64)
    .min(1)
    .exactOptional()
    .describe('Forms of dates (strftime), tried in order; `serial` is the day number of a spreadsheet.'),
  language: language.exactOptional().describe('Language of month names in dates.'),
  regex: text(512).exactOptional().describe('What to take out of the text: its first group, or the whole match.'),
  number: number.exactOptional().describe('How numbers are written.'),
});

const flags = z.strictObject({
  from: texts(16).min(1).describe('Source columns whose texts are searched.'),
  match: z
    .array(
      z.strictObject({
        value: text(64).describe('Value of the set.'),
        pattern: text(512).describe('Regular expression, compared without case and accents.'),
      }),
    )
    .min(1)
    .max(64)
    .describe('Every value whose pattern is found is in the set.'),
});

const bands = withRules(
  z
    .strictObject({
      of: columnRef.describe('The numeric column.'),
      edges: z.array(z.number()).min(1).max(64).describe('Where bands meet, ascending; a band holds its lower edge.'),
      labels: texts(65, 64).min(2).describe('Names of the bands: one more than edges.'),
    })
    .describe('The name of the range that a number falls into.'),
  {
    holds: ({ edges }) => edges.every((edge, index) => index === 0 || (edges[index - 1] ?? edge) < edge),
    cel: 'self.edges.isSorted()',
    message: 'edges must ascend',
    fix: 'Sort them.',
  },
  {
    holds: ({ edges, labels }) => labels.length === edges.length + 1,
    cel: 'self.labels.size() == self.edges.size() + 1',
    message: 'labels must be one more than edges',
    fix: 'Name the band below the first edge, those between, and the one from the last edge on.',
  },
);

const columnShape = z.strictObject({
  name: columnName.describe('Name of the column.'),
  type: columnType.describe(
    `Type of the column: ${columnTypes.join(', ')}. An integer has 32 bits, a bigint 64; times are UTC.`,
  ),
  description: text().exactOptional().describe('What the column means; becomes its comment.'),
  from: text()
    .exactOptional()
    .describe('Where the value is in a record: JSONPath, header text, or CSS selector for html.'),
  sql: text(4096).exactOptional().describe('A SQL expression over earlier columns.'),
  flags: flags.exactOptional().describe('A set of values, each with the pattern that puts it into the set.'),
  bands: bands.exactOptional(),
  pseudonym: columnRefs(8).min(1).exactOptional().describe('Keyed hash of these columns, which are then not loaded.'),
  aliases: texts(16, 1024).default([]).describe('Other places to look, in order, when `from` is not in the source.'),
  split: z.string().min(1).max(8).exactOptional().describe('What separates the values of a list in one text.'),
  parse: parse.exactOptional().describe('How to read the text.'),
  map: textMap(1000, z.string().max(256))
    .exactOptional()
    .describe('Texts and what they become, compared trimmed, without case and accents. Others stay as they are.'),
  case: z.enum(['Upper', 'Lower', 'Title']).exactOptional().describe('Case to write the text in.'),
  nulls: texts(64).exactOptional().describe('Texts that mean null here, instead of those of the dataset.'),
  required: z.boolean().default(false).describe('Whether null is an error.'),
  accepted: texts(1000).min(1).exactOptional().describe('The only values allowed.'),
  min: decimal.exactOptional().describe('The least value allowed.'),
  max: decimal.exactOptional().describe('The greatest value allowed.'),
  pattern: text(512).exactOptional().describe('Regular expression that the text must match.'),
  onError: z
    .enum(['Reject', 'SetNull', 'Fail'])
    .default('Reject')
    .describe('What an error does: the row goes to quarantine, the value becomes null, or the step fails.'),
  privacy: z
    .enum(['Identifier', 'Personal', 'Special'])
    .exactOptional()
    .describe('What kind of personal data this is.'),
});

export const column = withRules(
  columnShape,
  exactlyOne('from', 'sql', 'flags', 'bands', 'pseudonym'),
  needs('parse', 'from'),
  needs('split', 'from'),
  needs('nulls', 'from'),
  needs('map', 'from', 'sql'),
  {
    holds: ({ min, max }) => min === undefined || max === undefined || Number(min) <= Number(max),
    cel: '!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)',
    message: 'min must not be above max',
    fix: 'Lower min or raise max.',
  },
);
export type Column = z.output<typeof column>;
