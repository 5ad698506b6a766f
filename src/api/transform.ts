import { z } from 'zod';
import { rowCount } from './clean.ts';
import { exactlyOne, withRules } from './rules.ts';
import { columnRef, columnRefs, dnsLabel, matching, named, tableName, text } from './words.ts';

const relation = z.strictObject({
  column: columnRef.describe('Column of the model.'),
  to: matching(/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/, '<table>.<column>', 127).describe(
    '`<table>.<column>` where each of its values must be found.',
  ),
});

const modelCheck = withRules(
  z.strictObject({
    name: dnsLabel().describe('Name of the check.'),
    unique: columnRefs().min(1).exactOptional().describe('No two rows have the same values here.'),
    notNull: columnRefs().min(1).exactOptional().describe('None of these is null.'),
    relation: relation.exactOptional().describe('Every value is found in another table.'),
    rowCount: rowCount.exactOptional(),
    sql: text(4096).exactOptional().describe('A SQL condition that every row should meet; null passes.'),
    severity: z.enum(['Warn', 'Fail']).describe('Warn tells; Fail keeps the model as it was.'),
  }),
  exactlyOne('unique', 'notNull', 'relation', 'rowCount', 'sql'),
);
export type ModelCheck = z.output<typeof modelCheck>;

const aggregate = z.strictObject({
  counts: columnRefs().min(1).describe('Columns that count people: small ones are suppressed by privacy.minCell.'),
  by: columnRefs().default([]).describe('Columns whose totals must not give a suppressed count away.'),
});

const model = withRules(
  z.strictObject({
    name: tableName.describe('Name of the table or view.'),
    description: text().exactOptional().describe('What the model shows; becomes its comment.'),
    materialize: z
      .enum(['View', 'Table', 'Incremental'])
      .default('Table')
      .describe('View is computed when read, Table is swapped in whole, Incremental changes only what changed.'),
    key: columnRefs(16).min(1).exactOptional().describe('Identity of a row, for Incremental.'),
    partitionBy: columnRefs(4)
      .min(1)
      .exactOptional()
      .describe('For Incremental in place of key: columns whose rows of one value are changed together.'),
    sql: text(32_768).describe('One SELECT (DuckDB) over datasets and other models. Templates are not allowed here.'),
    columns: named(
      z.strictObject({
        name: columnRef.describe('Name of the column.'),
        description: text().describe('What it means; becomes its comment.'),
      }),
      300,
    )
      .default([])
      .describe('Comments on columns.'),
    checks: named(modelCheck, 100).default([]).describe('Conditions on the result, before anyone sees it.'),
    aggregate: aggregate.exactOptional().describe('A mart of counts about people.'),
    insight: text(4096)
      .exactOptional()
      .describe('One SELECT of one line of text, told in the report of a run once the model is published.'),
  }),
  {
    holds: ({ materialize, key, partitionBy }) =>
      materialize !== 'Incremental' || (key === undefined) !== (partitionBy === undefined),
    cel: "!has(self.materialize) || self.materialize != 'Incremental' || has(self.key) != has(self.partitionBy)",
    message: 'materialize Incremental needs key or partitionBy, and not both',
    fix: 'Keep one of them, or write materialize: Table.',
  },
);
export type Model = z.output<typeof model>;

export const transform = z.strictObject({
  engine: z
    .enum(['DuckDB', 'Warehouse'])
    .default('DuckDB')
    .describe('Where models run. DuckDB: the same SQL whatever the warehouse.'),
  models: named(model, 100).default([]).describe('Tables and views made from datasets by SQL.'),
});
export type Transform = z.output<typeof transform>;
