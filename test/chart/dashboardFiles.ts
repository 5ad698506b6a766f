import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the chart has its dashboards. */
export const dashboardsFolder = join(import.meta.dirname, '..', '..', 'charts', 'jobpulse', 'files', 'dashboards');

interface DataSource {
  readonly type: string;
  readonly uid: string;
}

/** A query of a panel: in the language of Prometheus, or SQL. */
export interface Target {
  readonly refId: string;
  readonly datasource: DataSource;
  readonly expr?: string;
  readonly rawSql?: string;
  readonly instant?: boolean;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: DataSource;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list?: readonly { readonly name: string; readonly target: Target }[] };
}

/** The dashboards as they are shipped, by the name of their file. */
export const dashboards: ReadonlyMap<string, Dashboard> = new Map(
  readdirSync(dashboardsFolder).map((file) => [
    file,
    JSON.parse(readFileSync(join(dashboardsFolder, file), 'utf8')) as Dashboard,
  ]),
);

/** The panels that show something; rows are headings. */
export const shownPanels = ({ panels }: Dashboard): readonly Panel[] => panels.filter(({ type }) => type !== 'row');

/** All that a dashboard asks of one kind of data source. */
export const queriesOf = (dashboard: Dashboard, type: string): readonly { about: string; target: Target }[] =>
  [
    ...shownPanels(dashboard).flatMap(({ title, targets = [] }) => targets.map((target) => ({ about: title, target }))),
    ...(dashboard.annotations.list ?? []).map(({ name, target }) => ({ about: name, target })),
  ].filter(({ target }) => target.datasource.type === type);
