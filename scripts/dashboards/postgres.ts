import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import { DatasourceVariableBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import type { Words } from './panels.ts';

/** The PostgreSQL that is chosen above the dashboard. */
const postgres = { type: 'grafana-postgresql-datasource', uid: `\${postgres}` };

export const postgresVariable = (): DatasourceVariableBuilder =>
  new DatasourceVariableBuilder('postgres').label('Warehouse').type(postgres.type);

/** A query of Grafana's PostgreSQL data source, which the SDK has no words for. */
interface SqlQuery extends Dataquery {
  readonly refId: string;
  readonly datasource: typeof postgres;
  readonly format: 'table' | 'time_series';
  readonly editorMode: 'code';
  readonly rawQuery: true;
  readonly rawSql: string;
}

const query = (rawSql: string, format: SqlQuery['format'], index: number): Builder<SqlQuery> => ({
  build: () => ({
    ...{ refId: 'ABCDEFGHIJ'.charAt(index), datasource: postgres, format, editorMode: 'code', rawQuery: true },
    rawSql: rawSql.replaceAll(/\s+/g, ' ').trim(),
    _implementsDataqueryVariant: () => undefined,
  }),
});

/** A panel over rows of the warehouse. */
export const selected = (words: Omit<Words, 'datasource' | 'queries'>, sql: string): Words => ({
  ...words,
  datasource: postgres,
  queries: [query(sql, 'table', 0)],
});

/** A panel over the warehouse, of series over time: each query has a column `time`. */
export const selectedOverTime = (words: Omit<Words, 'datasource' | 'queries'>, ...all: readonly string[]): Words => ({
  ...words,
  datasource: postgres,
  queries: all.map((sql, index) => query(sql, 'time_series', index)),
});
