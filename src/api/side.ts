import { z } from 'zod';
import { exactlyOne, needs, withRules } from './rules.ts';
import { duration, whole } from './units.ts';
import { columnRef, columnRefs, datasetRef, matching, named, tableName, text, texts, valueFrom } from './words.ts';

/** What stands beside datasets and models: parameters, taxonomies, live counters, alerts. */

const param = z.strictObject({
  name: matching(/^[a-zA-Z][a-zA-Z0-9_]*$/, 'a name of letters, digits and _ that starts with a letter', 63).describe(
    'Name; `{{ params.<name> }}` in templates.',
  ),
  type: z
    .enum(['String', 'Integer', 'Number', 'Boolean', 'Date'])
    .default('String')
    .describe('What a value must look like.'),
  default: z.string().max(1024).exactOptional().describe('The value, as text, when a run gives none.'),
  description: text().exactOptional().describe('What it is for.'),
});
export type Param = z.output<typeof param>;
export const params = named(param, 64);

const taxonomy = withRules(
  z.strictObject({
    name: tableName.describe("Name; `skills(text, '<name>')` in SQL."),
    builtin: text(64).exactOptional().describe('One that comes with the program.'),
    files: z
      .strictObject({ paths: texts(16, 1024).min(1).describe('Files, relative to the folder of the manifest.') })
      .exactOptional()
      .describe('One of your own, as CSV.'),
    columns: z
      .strictObject({
        concept: text(256).describe('Header of the identifier.'),
        label: text(256).describe('Header of the name.'),
        aliases: text(256).exactOptional().describe('Header of further names, one in each line.'),
      })
      .exactOptional()
      .describe('Where the files hold what.'),
  }),
  exactlyOne('builtin', 'files'),
  needs('columns', 'files'),
);
export const taxonomies = named(taxonomy, 16);

const counter = z.strictObject({
  name: tableName.describe('Name of the counter.'),
  dataset: datasetRef.describe('Dataset whose records are counted.'),
  time: columnRef.describe('Column of the event time.'),
  by: columnRefs(4).min(1).describe('What is counted; every prefix is kept, lists are unnested.'),
  bucket: duration.default('1m').describe('Length of a bucket.'),
  keep: duration.default('48h').describe('How long buckets are kept.'),
  lateness: duration.default('2h').describe('Records later than this are counted as late and nowhere else.'),
  maxMembers: whole(1, 10_000_000).default(200_000).describe('Members of a bucket; beyond them the rest is "other".'),
});
export const live = z.strictObject({
  maxDelay: duration.default('250ms').describe('How long a record may wait to be counted.'),
  counters: named(counter, 32).min(1).describe('What is counted.'),
});

/** What can be told to somebody as soon as it is so. */
export const alertKinds = [
  'RunFailed',
  'Stale',
  'BudgetSpent',
  'RejectRate',
  'SchemaDrift',
  'SnapshotShrank',
  'NotConserved',
] as const;
export type AlertKind = (typeof alertKinds)[number];

const alert = z.strictObject({
  name: text(63).describe('Name of the alert, and of its receiver in what is posted.'),
  when: z.array(z.enum(alertKinds)).min(1).max(16).describe('What to tell about.'),
  webhook: z.strictObject({ urlFrom: valueFrom.describe('Address to post to.') }).describe('Whom to tell.'),
});
export type AlertSpec = z.output<typeof alert>;
export const alerts = named(alert, 16);

export const privacy = z.strictObject({
  pseudonymKey: valueFrom.exactOptional().describe('Key of the keyed hash of `pseudonym` columns.'),
  minCell: whole(0, 1000).default(5).describe('Counts below this are suppressed in models with `aggregate`.'),
});

export const retention = z.strictObject({
  raw: duration.exactOptional().describe('How long raw bytes stay. Default: for ever.'),
  clean: duration.exactOptional().describe('How long history in the lake stays. Default: for ever.'),
  quarantine: duration.exactOptional().describe('How long rejected rows stay. Default: for ever.'),
  tables: duration.default('7d').describe('How long a replaced version of a table stays.'),
});

const bucket = z.strictObject({
  bucket: text(222).describe('Name of the bucket.'),
  prefix: text(512).exactOptional().describe('Prefix of all objects.'),
});

export const lake = withRules(
  z
    .strictObject({
      filesystem: z
        .strictObject({ path: text().describe('A folder.') })
        .exactOptional()
        .describe('A folder.'),
      s3: bucket.exactOptional().describe('An S3 bucket.'),
      gcs: bucket.exactOptional().describe('A Google Cloud Storage bucket.'),
    })
    .describe("Where files are. Default: the installation's."),
  exactlyOne('filesystem', 's3', 'gcs'),
);

const schema = z.strictObject({
  schema: tableName.exactOptional().describe('Schema of the tables. Default: the name of the pipeline in snake case.'),
});

const postgres = z.strictObject({
  ...schema.shape,
  urlFrom: valueFrom
    .default({ secretKeyRef: { name: 'postgres', key: 'url' } })
    .describe(
      'The URL of a database, with user and password: `postgres://user:password@host:5432/database`; TLS as `?sslmode=verify-full`.',
    ),
  caFrom: valueFrom
    .exactOptional()
    .describe(
      'The certificate (PEM) of the authority that signed the one of the server. With it, TLS is used whatever the URL says, and the name of the server is checked.',
    ),
});

export const warehouse = withRules(
  z
    .strictObject({
      duckdb: schema.exactOptional().describe('The embedded warehouse.'),
      bigquery: schema.exactOptional().describe('BigQuery.'),
      snowflake: schema.exactOptional().describe('Snowflake.'),
      postgres: postgres.exactOptional().describe('A PostgreSQL server.'),
      mongodb: schema.exactOptional().describe('MongoDB.'),
    })
    .describe("Where tables are. Default: the installation's."),
  exactlyOne('duckdb', 'bigquery', 'snowflake', 'postgres', 'mongodb'),
);

export const queue = z.strictObject({
  redis: z.strictObject({ urlFrom: valueFrom.describe('Address of the server.') }).describe('A Redis server.'),
});
