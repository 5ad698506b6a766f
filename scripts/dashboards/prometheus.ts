import {
  AnnotationQueryBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat, QueryEditorMode } from '@grafana/grafana-foundation-sdk/prometheus';
import type { Words } from './panels.ts';

/** The Prometheus that is chosen above the dashboard. */
export const prometheus = { type: 'prometheus', uid: `\${prometheus}` };

export const prometheusVariable = (): DatasourceVariableBuilder =>
  new DatasourceVariableBuilder('prometheus').label('Prometheus').type('prometheus');

/** A variable with the values of a label. */
export const labelVariable = (name: string, label: string, series: string): QueryVariableBuilder =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(prometheus)
    .query({ query: `label_values(${series}, ${name})`, refId: 'PrometheusVariableQueryEditor-VariableQuery' })
    .definition(`label_values(${series}, ${name})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);

/** Any number of values, at first all. */
export const several = (variable: QueryVariableBuilder): QueryVariableBuilder =>
  variable.multi(true).includeAll(true).allValue('.*').current({ text: 'All', value: '$__all' });

const query = (expr: string, index: number): DataqueryBuilder =>
  new DataqueryBuilder()
    .datasource(prometheus)
    .editorMode(QueryEditorMode.Code)
    .refId('ABCDEFGHIJ'.charAt(index))
    .expr(expr);

/** Legend → expression. */
type Queries = Readonly<Record<string, string>>;

/** A panel over Prometheus, of series over time. */
export const ranged = (words: Omit<Words, 'datasource' | 'queries'>, queries: Queries): Words => ({
  ...words,
  datasource: prometheus,
  queries: Object.entries(queries).map(([legend, expr], index) => query(expr, index).range().legendFormat(legend)),
});

/** A panel over Prometheus, of what is so at the end of the time range. */
export const instant = (words: Omit<Words, 'datasource' | 'queries'>, queries: Queries): Words => ({
  ...words,
  datasource: prometheus,
  queries: Object.entries(queries).map(([legend, expr], index) => query(expr, index).instant().legendFormat(legend)),
});

/** The same for a table: a row for each series. */
export const rows = (words: Omit<Words, 'datasource' | 'queries'>, queries: readonly string[]): Words => ({
  ...words,
  datasource: prometheus,
  queries: queries.map((expr, index) => query(expr, index).instant().format(PromQueryFormat.Table)),
});

/** Marks the moments at which runs failed. */
export const failedRuns = (selector: string): AnnotationQueryBuilder =>
  new AnnotationQueryBuilder()
    .name('Failed runs')
    .datasource(prometheus)
    .enable(true)
    .iconColor('red')
    .target(
      query(
        `sum by (namespace, pipeline, trigger) (increase(jobpulse_runs_total{result="Failed",${selector}}[2m])) > 0`,
        0,
      )
        .range()
        .interval('1m'),
    )
    .titleFormat('A run failed')
    .textFormat('{{namespace}}/{{pipeline}}, trigger {{trigger}}')
    .tagKeys('pipeline');
