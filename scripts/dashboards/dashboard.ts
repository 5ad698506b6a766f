import {
  type DashboardBuilder,
  DashboardCursorSync,
  type DashboardLink,
  DashboardLinkBuilder,
  DashboardLinkType,
} from '@grafana/grafana-foundation-sdk/dashboard';

const tag = 'jobpulse';

/** What all dashboards have alike. */
export const shared = (dashboard: DashboardBuilder, from: string): DashboardBuilder =>
  dashboard
    .tags([tag])
    .time({ from, to: 'now' })
    .refresh('1m')
    .timezone('browser')
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder('Jobpulse')
        .type(DashboardLinkType.Dashboards)
        .tags([tag])
        .includeVars(true)
        .keepTime(true)
        .asDropdown(false),
    );

/** From a row of a table to the dashboard of its pipeline. */
export const pipelineLink: Pick<DashboardLink, 'title' | 'url'> = {
  title: `Open \${__data.fields.Pipeline}`,
  url: `/d/jobpulse-pipeline?var-namespace=\${__data.fields.Namespace}&var-pipeline=\${__data.fields.Pipeline}&\${__url_time_range}`,
};

/** A dashboard as a file: panels have numbers, so that links to one of them stay. */
export function dashboardFile(builder: DashboardBuilder): string {
  const dashboard = builder.build();
  const panels = dashboard.panels?.map((panel, index) => ({ ...panel, id: index + 1 }));
  return `${JSON.stringify({ ...dashboard, panels }, null, 1)}\n`;
}
